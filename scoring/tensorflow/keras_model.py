"""Keras' own format (.keras), without the code that layers may bring: `safe_mode` refuses lambdas."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from scoring.contract import BundledModel, RunSettings
from scoring.core.bundle import model_file
from scoring.core.tensors import FREE, Tensor
from scoring.tabular.model import Method, Shape, TabularModel, datatype_of, invalid
from scoring.tensorflow.saved_model import DATATYPES, use_one_core

SEVERAL_HINT = "Export it as a SavedModel (model.export(folder)), which may have several, or deploy it with a script."


def load_model(bundled: BundledModel, folder: Path, run: RunSettings) -> TabularModel:
    """Load a model from a bundle; StartFailure(model_invalid) when it cannot be."""
    use_one_core()
    try:
        model = keras.saving.load_model(model_file(folder, bundled), compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise invalid(bundled, f"cannot be loaded by Keras {keras.__version__}: {error}") from error
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise invalid(bundled, "has several inputs or outputs.", hint=SEVERAL_HINT)
    taken, given = _tensor(model.inputs[0], "x"), _tensor(model.outputs[0], "predict")

    def predict(rows: Any) -> Any:
        return np.asarray(model(rows, training=False))

    shape = Shape({"x": taken}, lambda feed: feed["x"])
    return TabularModel(
        bundled, shape, {"predict": Method(predict, given)}, platform="keras", runs_in_calling_thread=False
    )


def _tensor(symbolic: Any, name: str) -> Tensor:
    kind = DATATYPES.get(str(symbolic.dtype)) or datatype_of(np.float32)
    return Tensor(name, kind, tuple(FREE if size is None else size for size in symbolic.shape))
