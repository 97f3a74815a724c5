"""Loaders of models without code, by framework."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from scoring.contract import BundledModel
from scoring.core.errors import StartFailure

if TYPE_CHECKING:  # it imports numpy, which not every entry script has
    from scoring.core.model import Loader


def _onnx() -> "Loader":
    from scoring.onnx.model import load_model

    return load_model


# framework -> imports the loader and its runtime, which is not installed in every environment
LOADERS: "dict[str, Callable[[], Loader]]" = {"onnx": _onnx}


def find_loader(model: BundledModel) -> "Loader":
    """The loader of a model's framework; StartFailure when there is none, or the environment lacks its runtime."""
    framework = model.framework.lower()
    if framework not in LOADERS:
        known = ", ".join(LOADERS)
        message = f"{model.name}:{model.version} is a {framework} model; only these run without code: {known}"
        raise StartFailure("model_invalid", message, hint="Deploy it with an entry script.")
    try:
        return LOADERS[framework]()
    except ImportError as error:
        message = f"The environment lacks what runs {framework} models without code: {error}"
        raise StartFailure("import_missing", message) from error
