"""Modules that entry scripts import, for environments without the packages they come from.

The folders below mirror the names: `azureml/core/model.py` is what `import azureml.core.model` gives. They are
the last finder for each name, so that an installed package always comes first.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

OFFERED = ("azureml", "azureml_inference_server_http", "sklearn.externals")
HERE = Path(__file__).parent


class FallbackFinder:
    """Finds a module here when no other finder did."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(OFFERED):
            return None
        return PathFinder.find_spec(name, [str(HERE.joinpath(*name.split(".")[:-1]))])


def install() -> None:
    """Offer the modules to this process."""
    if FallbackFinder not in sys.meta_path:
        sys.meta_path.append(FallbackFinder)
