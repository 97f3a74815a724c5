"""What `Model` raises."""

from scoring.script.compat.model import ModelNotFoundException, WebserviceException

__all__ = ["ModelNotFoundException", "WebserviceException"]
