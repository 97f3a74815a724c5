from registry.models.artifact import Artifact, Upload
from registry.models.conversion import Conversion, ConversionVariant
from registry.models.environment import BuiltEnvironment, CuratedEnvironment, Environment, EnvironmentWheel
from registry.models.model import Model
from registry.models.scrub import Scrub
from registry.models.version import Inspection, ModelVersion, Tag, VersionFile, VersionState
from registry.models.version_graph import VersionGraph
from registry.models.version_use import UseKind, VersionUse

__all__ = [
    "Artifact",
    "BuiltEnvironment",
    "Conversion",
    "ConversionVariant",
    "CuratedEnvironment",
    "Environment",
    "EnvironmentWheel",
    "Inspection",
    "Model",
    "ModelVersion",
    "Scrub",
    "Tag",
    "Upload",
    "UseKind",
    "VersionFile",
    "VersionGraph",
    "VersionState",
    "VersionUse",
]
