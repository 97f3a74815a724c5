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


def _sklearn() -> "Loader":
    from scoring.sklearn.model import load_model

    return load_model


def _xgboost() -> "Loader":
    from scoring.boosting.xgboost_model import load_model

    return load_model


def _lightgbm() -> "Loader":
    from scoring.boosting.lightgbm_model import load_model

    return load_model


def _catboost() -> "Loader":
    from scoring.boosting.catboost_model import load_model

    return load_model


def _torch() -> "Loader":
    from scoring.torch.model import load_model

    return load_model


def _tensorflow() -> "Loader":
    from scoring.tensorflow.saved_model import load_model

    return load_model


def _keras() -> "Loader":
    from scoring.tensorflow.keras_model import load_model

    return load_model


Opener = Callable[[], "Loader"]
# framework -> imports the loader and its runtime, which is not installed in every environment
LOADERS: dict[str, Opener] = {"onnx": _onnx}
# The same by the format of the file, where a framework has several; formats in the words of the registry's inspection.
BY_FORMAT: dict[str, Opener] = {
    "pickle": _sklearn,
    "skops": _sklearn,
    "xgboost-ubj": _xgboost,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
    "torchscript": _torch,
    "pt2": _torch,
    "saved-model": _tensorflow,
    "keras": _keras,
}


def find_loader(model: BundledModel) -> "Loader":
    """The loader of a model's format or framework; StartFailure when there is none, or the environment lacks its
    runtime."""
    framework = model.framework.lower()
    opener = LOADERS.get(framework) or BY_FORMAT.get(model.format)
    if opener is None:
        known = ", ".join([*LOADERS, *BY_FORMAT])
        what = f"a {framework} model" + (f" in the format {model.format}" if model.format else "")
        message = f"{model.name}:{model.version} is {what}; only these run without code: {known}"
        raise StartFailure("model_invalid", message, hint="Deploy it with an entry script.")
    try:
        return opener()
    except ImportError as error:
        message = f"The environment lacks what runs {framework} models without code: {error}"
        raise StartFailure("import_missing", message) from error
