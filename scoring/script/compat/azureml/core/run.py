"""The run that a script is part of."""

from scoring.script.compat.run import Run

__all__ = ["Run"]
