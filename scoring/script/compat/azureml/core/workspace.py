"""The workspace, which a service has none of."""

from scoring.script.compat.run import Workspace

__all__ = ["Workspace"]
