"""The few names that scripts take from here while they serve."""

from scoring.script.compat.model import Model
from scoring.script.compat.run import Run, Workspace

__version__ = "1.0"
__all__ = ["Model", "Run", "Workspace"]
