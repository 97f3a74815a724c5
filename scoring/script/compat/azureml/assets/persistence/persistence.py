"""Models of the bundle, by name."""

from scoring.script.compat.model import Model

get_model_path = Model.get_model_path

__all__ = ["get_model_path"]
