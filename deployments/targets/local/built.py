"""Where on this machine lies what was built. Asked when something starts, as folders may have gone since."""

from pathlib import Path

from deployments.recipe.build_paths import bundle_path
from deployments.targets.base import NotBuilt
from registry.environments.paths import python_path


def bundle_at(content_hash: str) -> Path:
    """The bundle. Raises `NotBuilt`."""
    return _existing(bundle_path(content_hash), "bundle")


def python_at(definition_hash: str) -> Path:
    """The interpreter of the environment. Raises `NotBuilt`, also when the Python it was made from has gone."""
    return _existing(python_path(definition_hash), "environment")


def _existing(path: Path, what: str) -> Path:
    if not path.exists():
        raise NotBuilt(f"The {what} of the service is no longer at {path}.")
    return path
