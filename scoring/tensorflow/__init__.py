"""TensorFlow's SavedModel and Keras' files."""
