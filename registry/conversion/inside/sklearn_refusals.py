"""What is known to be converted wrongly or not at all by skl2onnx, by name, before it is tried.

Seen with skl2onnx 1.20.0 and scikit-learn 1.9.1; numbers are of issues of onnx/sklearn-onnx. Pure but for attributes
of estimators: nothing of scikit-learn is imported.
"""

import math
from collections.abc import Iterator
from typing import Any

from registry.conversion.inside.original import Refused

NOT_CONVERTED = {
    "TunedThresholdClassifierCV": "its threshold would be lost without an error",
    "FixedThresholdClassifier": "its threshold would be lost",
    "OrdinalEncoder": "unseen and missing categories would be encoded otherwise without an error",
    "RadiusNeighborsClassifier": "the result loads, and fails at the first row",
    "RadiusNeighborsRegressor": "the result loads, and fails at the first row",
    "IsotonicRegression": "there is no converter for it",
    "SplineTransformer": "there is no converter for it",
    "IterativeImputer": "there is no converter for it",
    "TransformedTargetRegressor": "there is no converter for it",
}
MOST_MEMBERS = 20  # of an ensemble are looked at for what each may hold
HINT = "Serve this version as it is: with an entry script, or without code where its framework allows."


def check(estimator: Any) -> None:
    """Raises `Refused` for the first part that is known to come out wrong."""
    for part in parts_of(estimator):
        if why := _problem(part):
            name = type(part).__name__
            raise Refused("conversion_refused", f"{name} is not converted to ONNX: {why}.", hint=HINT)


def parts_of(estimator: Any, depth: int = 0) -> Iterator[Any]:
    """The estimator and all that it holds: steps of pipelines, transformers of columns, estimators of ensembles."""
    yield estimator
    if depth > 6:
        return
    for part in _held(estimator):
        if hasattr(part, "get_params"):
            yield from parts_of(part, depth + 1)


def _held(estimator: Any) -> Iterator[Any]:
    for name in ("steps", "transformers_", "transformer_list", "named_estimators"):
        for entry in getattr(estimator, name, None) or ():
            if isinstance(entry, tuple) and len(entry) > 1:
                yield entry[1]
    for name in ("estimator_", "best_estimator_", "estimator", "base_estimator", "final_estimator_"):
        yield getattr(estimator, name, None)
    several = getattr(estimator, "estimators_", None)
    yield from list(getattr(several, "flat", several if several is not None else ()))[:MOST_MEMBERS]
    for calibrated in getattr(estimator, "calibrated_classifiers_", None) or ():
        yield calibrated.estimator


def _problem(part: Any) -> str:
    name = type(part).__name__
    if name in NOT_CONVERTED:
        return NOT_CONVERTED[name]
    check = _CHECKS.get(name.removesuffix("Classifier").removesuffix("Regressor"))
    return check(part) if check else ""


def _of_histogram_boosting(part: Any) -> str:
    categorical = getattr(part, "is_categorical_", None)
    if categorical is not None and any(categorical):
        return "with categorical_features more than half of the labels come out wrong (issue 1051)"
    return ""


def _of_forest(part: Any) -> str:
    """Without missing values in the training, they are sent to the child with more rows; elsewhere only by what was
    learnt from some. A tree that has learnt the same cannot be told apart."""
    for tree in trees_of(part):
        splits = tree.feature >= 0
        goes_left = getattr(tree, "missing_go_to_left", None)
        if goes_left is None:
            continue
        left, right = tree.children_left[splits], tree.children_right[splits]
        larger = tree.n_node_samples[left] > tree.n_node_samples[right]
        if (goes_left[splits].astype(bool) != larger).any() or not (abs(tree.threshold[splits]) < math.inf).all():
            return "it was fitted on missing values, which would take the other branch (issue 1253)"
    return ""


def trees_of(part: Any) -> list[Any]:
    """The trees of a tree or a forest of scikit-learn's."""
    members = getattr(part, "estimators_", None)
    members = [part] if members is None else list(getattr(members, "flat", members))
    return [one.tree_ for one in members if hasattr(one, "tree_")]


def _of_neighbours(part: Any) -> str:
    return "weights by distance would be lost without an error" if getattr(part, "weights", "") == "distance" else ""


def _of_one_hot(part: Any) -> str:
    if part.handle_unknown in {"infrequent_if_exist", "warn"}:
        return f"handle_unknown='{part.handle_unknown}' would become an error for unseen categories"
    if getattr(part, "min_frequency", None) or getattr(part, "max_categories", None):
        return "it groups rare categories, for which there is no converter"
    return ""


def _of_calibration(part: Any) -> str:
    return "there is no converter for calibration by temperature" if part.method == "temperature" else ""


def _of_function(part: Any) -> str:
    return "" if part.func is None else "a function of one's own has no counterpart in ONNX"


_CHECKS = {
    "HistGradientBoosting": _of_histogram_boosting,
    "DecisionTree": _of_forest,
    "ExtraTree": _of_forest,
    "RandomForest": _of_forest,
    "ExtraTrees": _of_forest,
    "KNeighbors": _of_neighbours,
    "OneHotEncoder": _of_one_hot,
    "CalibratedClassifierCV": _of_calibration,
    "FunctionTransformer": _of_function,
}
