"""What scikit-learn once shipped along."""
