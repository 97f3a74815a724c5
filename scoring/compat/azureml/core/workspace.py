"""The workspace, which a service has none of."""

from scoring.compat.run import Workspace

__all__ = ["Workspace"]
