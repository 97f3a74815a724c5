"""Native files of XGBoost, LightGBM and CatBoost."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from registry.conversion.inside import booster_parts
from registry.conversion.inside.comparison import Answers
from registry.conversion.inside.original import Refused
from registry.conversion.inside.rows import Feature, Rows, Schema
from registry.conversion.inside.tabular import Tabular


class XgboostModel(Tabular):
    """A Booster. Its columns are taken by position, whatever they are called."""

    def __init__(self, booster: Any) -> None:
        import xgboost

        booster_parts.check_xgboost(booster)
        self._booster = booster
        self._names = booster.feature_names
        self._objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
        names = self._names or [f"f{place}" for place in range(booster.num_features())]
        features = [Feature(name) for name in names]
        booster_parts.learn_xgboost(booster, features)
        self.schema = Schema(features)
        self.title = f"xgboost {xgboost.__version__} Booster, {self._objective}"

    def ask(self, rows: Rows) -> Answers:
        return _answers(np.asarray(self.call(rows)()), self._objective)

    def call(self, rows: Rows) -> Callable[[], object]:
        matrix = rows["X"]
        return lambda: self._booster.inplace_predict(matrix, validate_features=False)

    def convert(self) -> Any:
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        self._booster.feature_names = None  # the converter takes no names but f0, f1, …
        shape = [None, len(self.schema.features)]
        return convert_xgboost(self._booster, initial_types=[("X", FloatTensorType(shape))], target_opset=15)

    def names_of(self, outputs: list[str]) -> list[str]:
        return _names_of(outputs)


class LightgbmModel(Tabular):
    def __init__(self, booster: Any) -> None:
        import lightgbm

        booster_parts.check_lightgbm(booster)
        self._booster = booster
        self._objective = booster_parts.lightgbm_parameters(booster).get("objective", "")
        features = [Feature(name) for name in booster.feature_name()]
        booster_parts.learn_lightgbm(booster, features)
        self.schema = Schema(features)
        self.title = f"lightgbm {lightgbm.__version__} Booster, {self._objective}"

    def ask(self, rows: Rows) -> Answers:
        return _answers(np.asarray(self.call(rows)()), self._objective)

    def call(self, rows: Rows) -> Callable[[], object]:
        matrix = rows["X"]
        return lambda: self._booster.predict(matrix, num_threads=1)

    def convert(self) -> Any:
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        shape = [None, len(self.schema.features)]
        return convert_lightgbm(
            self._booster, initial_types=[("X", FloatTensorType(shape))], target_opset=15, zipmap=False
        )

    def names_of(self, outputs: list[str]) -> list[str]:
        return _names_of(outputs)


class CatboostModel(Tabular):
    """CatBoost writes ONNX itself, for models without categories and texts."""

    def __init__(self, path: Path) -> None:
        import catboost

        model = catboost.CatBoost()
        model.load_model(str(path))
        if model.get_cat_feature_indices() or model.get_text_feature_indices():
            raise Refused(
                "conversion_refused",
                "CatBoost writes no ONNX of models with categorical or text features.",
                hint="Serve this version as it is.",
            )
        self._model = model
        self._classes = list(model.classes_) if len(model.classes_) else []
        features = [Feature(str(name)) for name in model.feature_names_]
        _learn_catboost(model, features)
        self.schema = Schema(features, "features")
        self.title = f"catboost {catboost.__version__} {'classifier' if self._classes else 'regressor'}"

    def ask(self, rows: Rows) -> Answers:
        matrix = rows["features"]
        if not self._classes:
            return {"prediction": np.asarray(self._model.predict(matrix, thread_count=1))}
        chances = np.asarray(self._model.predict(matrix, prediction_type="Probability", thread_count=1))
        return {"label": np.asarray(self._classes)[chances.argmax(axis=1)], "probabilities": chances}

    def call(self, rows: Rows) -> Callable[[], object]:
        matrix, kind = rows["features"], "Probability" if self._classes else "RawFormulaVal"
        return lambda: self._model.predict(matrix, prediction_type=kind, thread_count=1)

    def convert(self) -> Any:
        import onnx

        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "model.onnx"
            self._model.save_model(str(place), format="onnx")
            return onnx.load(place)

    def names_of(self, outputs: list[str]) -> list[str]:
        return _names_of(outputs)


def _learn_catboost(model: Any, features: list[Feature]) -> None:
    borders = model.get_borders()
    for place, known in borders.items():
        finite = [value for value in known if np.isfinite(value) and abs(value) < 1e30]
        if finite:
            span = max(finite) - min(finite) or max(abs(finite[0]), 1.0)
            features[place].low, features[place].high = min(finite) - 0.2 * span, max(finite) + 0.2 * span


def _answers(raw: Any, objective: str) -> Answers:
    """In the form that converted boosters answer in."""
    if objective.startswith("binary"):
        return {"label": (raw > 0.5).astype(np.int64), "probabilities": np.column_stack([1 - raw, raw])}
    if raw.ndim == 2 and raw.shape[1] > 1:
        return {"label": raw.argmax(axis=1), "probabilities": raw}
    if objective.startswith("multi:softmax"):
        return {"label": raw.astype(np.int64)}
    return {"prediction": raw.ravel()}


def _names_of(outputs: list[str]) -> list[str]:
    return ["label", "probabilities"] if len(outputs) == 2 else ["prediction"]
