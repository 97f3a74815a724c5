"""Estimators of scikit-learn, and those of others that behave like them, converted by skl2onnx."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import skl2onnx
import sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

from registry.conversion.inside import booster_parts, sklearn_refusals
from registry.conversion.inside.comparison import Answers
from registry.conversion.inside.knowledge import features_of
from registry.conversion.inside.original import Refused
from registry.conversion.inside.rows import HUGE, MISSING, Feature, Rows, Schema
from registry.conversion.inside.tabular import Tabular

OLDER_TREES = {"": 18, "ai.onnx.ml": 3}  # for detectors that have no converter for newer opsets


class SklearnModel(Tabular):
    """`matrix`: all features are one input, X; otherwise each column is an input, and the model takes frames."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self._last = last_step(estimator)
        count = getattr(estimator, "n_features_in_", None)
        if count is None:
            raise Refused(
                "not_fitted",
                f"{type(estimator).__name__} is not fitted, or does not say how many features it takes.",
                hint="Fit it, and register what is fitted.",
            )
        sklearn_refusals.check(estimator)
        booster_parts.check(estimator)
        names = [str(name) for name in getattr(estimator, "feature_names_in_", [f"f{place}" for place in range(count)])]
        features = features_of(estimator, names)
        booster_parts.learn(self._last, features)
        framed = takes_frames(estimator) or any(_has_texts(one) for one in features)
        self.schema = Schema(features, "" if framed else "X")
        self.title = (
            f"{type(self._last).__module__.partition('.')[0]} {_version_of(self._last)} {type(self._last).__name__}"
        )
        self._forms = _forms(estimator)
        if any(sklearn_refusals.trees_of(part) for part in sklearn_refusals.parts_of(estimator)):
            self.doubtful = frozenset({MISSING, HUGE})  # trees take them, be they fitted on such rows or not

    def ask(self, rows: Rows) -> Answers:
        given = self._given(rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that an array does not have
            return {name: _plain(ask(given)) for name, ask in self._forms if name}

    def call(self, rows: Rows) -> Callable[[], object]:
        given = self._given(rows)
        method = dict(self._forms).get("probabilities", self._forms[0][1])
        warnings.simplefilter("ignore")
        return lambda: method(given)

    def convert(self) -> Any:
        booster_parts.register(self._estimator)
        options: dict[int, Any] = {}
        if self._forms[0][0] == "label" and type(self._last).__name__ not in {"LinearSVC", "IsolationForest", "KMeans"}:
            options[id(self._estimator)] = {"zipmap": False}
        older = any(type(part).__name__ == "IsolationForest" for part in sklearn_refusals.parts_of(self._estimator))
        return skl2onnx.convert_sklearn(
            self._estimator,
            initial_types=self._types(),
            options={key: value for key, value in options.items() if _takes_zipmap(self._last)},
            target_opset=OLDER_TREES if older else booster_parts.opset(self._estimator),
        )

    def names_of(self, outputs: list[str]) -> list[str]:
        known = [name for name, _ in self._forms]
        return known if len(known) == len(outputs) else [*known, *[""] * (len(outputs) - len(known))]

    def _types(self) -> list[tuple[str, Any]]:
        if self.schema.matrix:
            return [(self.schema.matrix, FloatTensorType([None, len(self.schema.features)]))]
        return [(one.name, _type_of(one)([None, 1])) for one in self.schema.features]

    def _given(self, rows: Rows) -> Any:
        if self.schema.matrix:
            return rows[self.schema.matrix]
        import pandas  # late: only where the model takes frames

        return pandas.DataFrame({one.name: rows[one.name].ravel() for one in self.schema.features})


def last_step(estimator: Any) -> Any:
    """What gives the answers: of a pipeline or a search, that which is in it."""
    for _ in range(5):
        if hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
    return estimator


def takes_frames(estimator: Any) -> bool:
    """Whether columns are chosen by name somewhere in it."""
    for part in sklearn_refusals.parts_of(estimator):
        for _, _, columns in getattr(part, "transformers_", ()):
            chosen = [columns] if isinstance(columns, str) else columns
            if not isinstance(chosen, slice) and any(isinstance(one, str) for one in chosen):
                return True
    return False


def _forms(estimator: Any) -> list[tuple[str, Callable[[Any], Any]]]:
    """What it answers, in the order in which converters put it; "" is not compared."""
    classes = getattr(estimator, "classes_", None)
    if classes is not None and hasattr(estimator, "predict"):
        if isinstance(classes, list):
            raise Refused(
                "several_targets",
                "A classifier of several targets is not converted to ONNX: its answers have no common form.",
                hint="Register a model for each target.",
            )
        with suppress(AttributeError):
            return [("label", estimator.predict), ("probabilities", estimator.predict_proba)]
        return [("label", estimator.predict), ("", estimator.predict)]
    if hasattr(estimator, "decision_function") and hasattr(estimator, "predict"):
        return [("label", estimator.predict), ("scores", estimator.decision_function)]
    if hasattr(estimator, "cluster_centers_"):
        return [("label", estimator.predict), ("scores", estimator.transform)]
    for method in ("predict", "transform"):
        if hasattr(estimator, method):
            return [("prediction" if method == "predict" else "values", getattr(estimator, method))]
    raise Refused(
        "no_predict", f"{type(estimator).__name__} has neither predict nor transform.", hint="Nothing to serve."
    )


def _plain(answer: Any) -> Any:
    """Frames and sparse matrices as arrays."""
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    return np.asarray(answer)


def _type_of(feature: Feature) -> Any:
    if feature.choices is None:
        return FloatTensorType
    return StringTensorType if _has_texts(feature) else Int64TensorType


def _has_texts(feature: Feature) -> bool:
    return any(isinstance(one, str) for one in feature.choices or ())


def _takes_zipmap(last: Any) -> bool:
    return type(last).__name__ != "LinearSVC" and hasattr(last, "classes_")


def _version_of(estimator: Any) -> str:
    name = type(estimator).__module__.partition(".")[0]
    if name == "sklearn":
        return str(sklearn.__version__)
    return str(getattr(__import__(name), "__version__", ""))
