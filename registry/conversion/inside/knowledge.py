"""What a fitted model knows of the columns that it was trained on: ranges and categories, for rows like those.

Read from the attributes of scikit-learn's estimators; nothing of it is imported.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.conversion.inside.rows import Feature

Ranges = tuple[NDArray[Any], NDArray[Any]]  # of each feature the least and the largest
SPREAD = 3.0  # standard deviations to both sides


def features_of(estimator: Any, names: Iterable[str]) -> list[Feature]:
    """A feature for each name, in order."""
    features = [Feature(name) for name in names]
    _learn(estimator, features)
    return features


def _learn(estimator: Any, features: list[Feature]) -> None:
    """Take over what the estimator and the first parts of a pipeline tell."""
    if hasattr(estimator, "steps"):
        for _, step in estimator.steps:
            if step is None or isinstance(step, str):
                continue
            _learn(step, features)
            if not type(step).__name__.endswith("Imputer"):
                return
    elif hasattr(estimator, "transformers_"):
        _learn_columns(estimator, features)
    else:
        _learn_one(estimator, features)


def _learn_columns(estimator: Any, features: list[Feature]) -> None:
    by_name = {one.name: one for one in features}
    for _, transformer, columns in estimator.transformers_:
        if isinstance(transformer, str):
            continue
        chosen = [by_name[one] if isinstance(one, str) else features[one] for one in _listed(columns, len(features))]
        _learn(transformer, chosen)


def _listed(columns: Any, count: int) -> list[Any]:
    if isinstance(columns, str | int):
        return [columns]
    if isinstance(columns, slice):
        return list(range(count))[columns]
    listed = list(columns)
    if listed and isinstance(listed[0], bool | np.bool_):
        return [place for place, taken in enumerate(listed) if taken]
    return listed


def _learn_one(estimator: Any, features: list[Feature]) -> None:
    categories = getattr(estimator, "categories_", None)
    if categories is not None and len(categories) == len(features):
        for one, known in zip(features, categories, strict=True):
            one.choices = [value for value in known if not _is_missing(value)]
        return
    for find in _FINDERS:
        found = find(estimator)
        if found is not None and len(found[0]) == len(features):
            for one, low, high in zip(features, *found, strict=True):
                if np.isfinite(low) and np.isfinite(high) and high >= low:
                    one.low, one.high = float(low), float(high)
            return
    inner = _inner(estimator)
    if inner is not None:
        _learn(inner, features)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _inner(estimator: Any) -> Any:
    """What sees the same columns within a search, a calibration or an ensemble."""
    inner = getattr(estimator, "best_estimator_", None) or getattr(estimator, "estimator_", None)
    calibrated = getattr(estimator, "calibrated_classifiers_", None)
    members = getattr(estimator, "estimators_", None)
    inner = inner if inner is not None else calibrated[0].estimator if calibrated else None
    if inner is None and isinstance(members, list) and members and hasattr(members[0], "get_params"):
        inner = members[0]
    return inner


def _of_bounds(estimator: Any) -> Ranges | None:
    if hasattr(estimator, "data_min_") and hasattr(estimator, "data_max_"):
        return estimator.data_min_, estimator.data_max_
    return None


def _of_moments(estimator: Any) -> Ranges | None:
    mean = getattr(estimator, "mean_", getattr(estimator, "center_", None))
    scale = getattr(estimator, "scale_", None)
    if mean is None or scale is None or np.ndim(mean) != 1 or np.ndim(scale) != 1:
        return None
    return mean - SPREAD * scale, mean + SPREAD * scale


def _of_quantiles(estimator: Any) -> Ranges | None:
    quantiles = getattr(estimator, "quantiles_", None)
    return None if quantiles is None else (quantiles[0], quantiles[-1])


def _of_rows(estimator: Any) -> Ranges | None:
    """Nearest neighbours and support vectors keep rows of the training."""
    for name in ("_fit_X", "support_vectors_", "X_train_"):
        rows = getattr(estimator, name, None)
        if isinstance(rows, np.ndarray) and rows.ndim == 2 and len(rows):
            return rows.min(axis=0), rows.max(axis=0)
    return None


def _of_classes(estimator: Any) -> Ranges | None:
    """Naive Bayes keeps moments by class."""
    theta, variance = getattr(estimator, "theta_", None), getattr(estimator, "var_", None)
    if theta is None or variance is None:
        return None
    spread = SPREAD * np.sqrt(variance)
    return (theta - spread).min(axis=0), (theta + spread).max(axis=0)


def _of_trees(estimator: Any) -> Ranges | None:
    """Thresholds lie between values of the training."""
    trees = [estimator] if hasattr(estimator, "tree_") else _members(estimator)
    pairs = [(one.tree_.feature, one.tree_.threshold) for one in trees if hasattr(one, "tree_")]
    count = getattr(estimator, "n_features_in_", 0)
    return thresholds_range(pairs, count) if pairs else None


def _members(estimator: Any) -> list[Any]:
    """Of an ensemble; boosting keeps an array of them."""
    members = getattr(estimator, "estimators_", None)
    return [] if members is None else list(getattr(members, "flat", members))


def _of_histograms(estimator: Any) -> Ranges | None:
    predictors = getattr(estimator, "_predictors", None)
    if predictors is None:
        return None
    nodes = [one.nodes for stage in predictors for one in stage]
    splits = [part[part["is_leaf"] == 0] for part in nodes]
    pairs = [(part["feature_idx"], part["num_threshold"]) for part in splits]
    return thresholds_range(pairs, estimator.n_features_in_)


def thresholds_range(pairs: Iterable[tuple[NDArray[Any], NDArray[Any]]], count: int) -> Ranges:
    """What lies a little beyond the outermost thresholds of each feature; a feature without any is left as it is."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    for feature, threshold in pairs:
        used = (feature >= 0) & np.isfinite(threshold)
        np.minimum.at(low, feature[used], threshold[used])
        np.maximum.at(high, feature[used], threshold[used])
    span = np.where(high > low, high - low, np.maximum(np.abs(np.where(np.isfinite(high), high, 0)), 1))
    return low - 0.2 * span, high + 0.2 * span


_FINDERS: tuple[Callable[[Any], Ranges | None], ...] = (
    _of_bounds,
    _of_moments,
    _of_quantiles,
    _of_rows,
    _of_classes,
    _of_trees,
    _of_histograms,
)
