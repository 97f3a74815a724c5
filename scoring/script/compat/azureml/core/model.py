"""Models of the bundle, by name."""

from scoring.script.compat.model import Model

__all__ = ["Model"]
