"""What `Model` raises."""

from scoring.compat.model import ModelNotFoundException, WebserviceException

__all__ = ["ModelNotFoundException", "WebserviceException"]
