"""What the loaders of models on rows of numbers share: estimators behind the Model protocol."""
