"""The scoring server: answers predictions, knows neither Django nor the studio."""
