"""Where an environment's files lie. Pure, and free of tables, so that specifications can be made from it."""

import sys
from pathlib import Path

from django.conf import settings

# The environment that is there without a build: the studio's own interpreter, for models without code.
CURATED_NAME = "slipway-runtime"
CURATED_HASH = "slipway-runtime"


def environments_folder() -> Path:
    """Where all environments of this machine lie."""
    return settings.DATA_DIR / "environments"


def environment_path(definition_hash: str) -> Path:
    """The virtual environment of a definition; it is whole if it exists."""
    if definition_hash == CURATED_HASH:
        return Path(sys.prefix)
    return environments_folder() / definition_hash


def python_path(definition_hash: str) -> Path:
    """The interpreter that runs a service in the environment."""
    if definition_hash == CURATED_HASH:
        return Path(sys.executable)
    return environment_path(definition_hash) / "bin" / "python"


def environment_log_path(definition_hash: str) -> Path:
    """What the last lock and installation printed."""
    return settings.DATA_DIR / "logs" / "environments" / f"{definition_hash}.log"


def is_installed(definition_hash: str) -> bool:
    """Whether services can start in it on this machine, for whoever starts or makes it (others ask `built`).

    False too when the Python it was made from was uninstalled.
    """
    return python_path(definition_hash).exists()
