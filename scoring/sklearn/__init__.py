"""Estimators of scikit-learn's interface, from pickles, joblib's and skops' files."""
