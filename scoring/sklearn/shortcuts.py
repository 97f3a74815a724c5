"""Cheaper ways to the very same results, kept only where a trial shows them to be the same to the last bit.

A forest asks its trees through joblib, and sets up checks and filters of warnings for each of them, which takes longer
than the tree itself (scikit-learn 1.9.1, `sklearn/ensemble/_forest.py`). And its label is the class of the largest
probability, so that both together cost one run.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from scoring.core.tensors import Array
from scoring.tabular.model import Shape

CLASSIFIERS = (RandomForestClassifier, ExtraTreesClassifier)
REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor)
TRIAL_ROWS = 64
BOTH = {"predict", "predict_proba"}
Shortcut = Callable[[Sequence[str], Any], list[Any] | None]


def shortcut_for(estimator: Any, methods: tuple[str, ...], shape: Shape) -> Shortcut | None:
    """The shortcut of this estimator, tried on rows of all magnitudes; None where there is none, or it differs."""
    if type(estimator) in CLASSIFIERS and getattr(estimator, "n_outputs_", 0) == 1:
        shortcut = _forest_classes(estimator)
    elif type(estimator) in REGRESSORS and getattr(estimator, "n_outputs_", 0) == 1:
        shortcut = _forest_mean(estimator)
    else:
        return None
    return shortcut if _is_same(estimator, methods, shortcut) else None


def _forest_classes(forest: Any) -> Shortcut:
    trees, classes = [one.tree_ for one in forest.estimators_], forest.classes_
    width, features = len(classes), forest.n_features_in_

    def run(names: Sequence[str], rows: Array) -> list[Any] | None:
        narrow = _checked(rows, features)
        if narrow is None:
            return None
        total = np.zeros((len(rows), width))
        for tree in trees:
            total += tree.predict(narrow)[:, :width]
        total /= len(trees)
        return [total if name == "predict_proba" else classes.take(np.argmax(total, axis=1)) for name in names]

    return run


def _forest_mean(forest: Any) -> Shortcut:
    trees, features = [one.tree_ for one in forest.estimators_], forest.n_features_in_

    def run(names: Sequence[str], rows: Array) -> list[Any] | None:
        narrow = _checked(rows, features)
        if narrow is None:
            return None
        total = np.zeros(len(rows))
        for tree in trees:
            total += tree.predict(narrow)[:, 0]
        return [total / len(trees) for _ in names]

    return run


def _checked(rows: Array, features: int) -> Array | None:
    """The rows as trees take them; None where the estimator has to say what is wrong with them."""
    if rows.ndim != 2 or rows.shape[1] != features or not len(rows):
        return None
    narrow = rows.astype(np.float32)
    return narrow if np.isfinite(narrow).all() else None  # missing values are not every forest's to take


def _is_same(forest: Any, methods: tuple[str, ...], shortcut: Shortcut) -> bool:
    generator = np.random.default_rng(0)
    magnitudes = 10.0 ** generator.integers(-3, 4, (TRIAL_ROWS, 1))
    rows = generator.normal(size=(TRIAL_ROWS, forest.n_features_in_)) * magnitudes
    names = [name for name in methods if name in BOTH]
    try:
        found = shortcut(names, rows)
        return found is not None and all(
            np.array_equal(one, getattr(forest, name)(rows)) for name, one in zip(names, found, strict=True)
        )
    except Exception:  # trees of another version are put together differently
        return False
