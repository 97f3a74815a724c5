from registry.models.artifact import Artifact, Upload
from registry.models.environment import Environment
from registry.models.model import Model
from registry.models.version import Inspection, ModelVersion, Tag, VersionFile, VersionState

__all__ = [
    "Artifact",
    "Environment",
    "Inspection",
    "Model",
    "ModelVersion",
    "Tag",
    "Upload",
    "VersionFile",
    "VersionState",
]
