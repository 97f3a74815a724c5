"""CatBoost's own binary format. Columns of categories are texts, each an input of its own; all others numbers."""

from pathlib import Path
from typing import Any

import numpy as np
from catboost import CatBoostClassifier, CatBoostError, CatBoostRegressor

from scoring.contract import BundledModel, RunSettings
from scoring.core.bundle import model_file
from scoring.core.tensors import FREE, Array, Feed, Tensor
from scoring.tabular.model import REFUSED, Method, Shape, TabularModel, datatype_of, invalid

INPUT = "x"
CLASSES = ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll")


def load_model(bundled: BundledModel, folder: Path, run: RunSettings) -> TabularModel:
    """Load a model from a bundle; StartFailure(model_invalid) when it cannot be."""
    path = str(model_file(folder, bundled))
    try:
        model = CatBoostRegressor().load_model(path)
        if _objective(model) in CLASSES:
            model = CatBoostClassifier().load_model(path)
    except (CatBoostError, ValueError) as error:
        raise invalid(bundled, f"cannot be loaded by CatBoost: {error}") from error
    shape = _shape(model)
    return TabularModel(bundled, shape, _methods(model), platform="catboost", refused=(*REFUSED, CatBoostError))


def _objective(model: Any) -> str:
    return str(model.get_all_params().get("loss_function", "")).partition(":")[0]


def _shape(model: Any) -> Shape:
    names, texts = list(model.feature_names_), set(model.get_cat_feature_indices()) | set(_text_places(model))
    if not texts:
        columns = [] if names == [str(place) for place in range(len(names))] else names
        return Shape({INPUT: Tensor(INPUT, "FP64", (FREE, len(names)))}, lambda feed: feed[INPUT], columns)
    inputs = {name: Tensor(name, "BYTES" if at in texts else "FP64", (FREE,)) for at, name in enumerate(names)}

    def rows_of(feed: Feed) -> Array:
        return np.stack([feed[name].astype(object) for name in names], axis=1)

    return Shape(inputs, rows_of)


def _text_places(model: Any) -> list[int]:
    return [*model.get_text_feature_indices(), *model.get_embedding_feature_indices()]


def _methods(model: Any) -> dict[str, Method]:
    def predict(rows: Array) -> Any:
        found = np.asarray(model.predict(rows, thread_count=1))
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found  # labels of several classes

    if not isinstance(model, CatBoostClassifier):
        return {"predict": Method(predict, Tensor("predict", "FP64", (FREE,)))}
    classes = np.asarray(model.classes_)
    labels = Tensor("predict", datatype_of(classes.dtype), (FREE,))
    probabilities = Tensor("predict_proba", "FP64", (FREE, len(classes)))
    return {
        "predict": Method(predict, labels),
        "predict_proba": Method(lambda rows: model.predict_proba(rows, thread_count=1), probabilities),
    }
