"""Models of the bundle, by name."""

from scoring.compat.model import Model

__all__ = ["Model"]
