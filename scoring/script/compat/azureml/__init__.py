"""Azure Machine Learning's names, as far as entry scripts use them."""
