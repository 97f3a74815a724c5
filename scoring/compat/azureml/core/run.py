"""The run that a script is part of."""

from scoring.compat.run import Run

__all__ = ["Run"]
