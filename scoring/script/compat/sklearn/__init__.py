"""scikit-learn before 0.23."""
