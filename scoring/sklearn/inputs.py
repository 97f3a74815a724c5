"""What a fitted estimator takes: a matrix, a list of texts, or columns of numbers and texts by name."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from scoring.contract import BundledModel
from scoring.core.tensors import FREE, Feed, Tensor
from scoring.sklearn.nested import estimators_in
from scoring.tabular.model import Shape

MATRIX, TEXT = "x", "text"


def shape_of(estimator: Any, bundled: BundledModel) -> Shape:
    """Read from what fitting has left in the estimator, and, for columns, from the version's own signature."""
    if _reads_texts(estimator):
        return Shape({TEXT: Tensor(TEXT, "BYTES", (FREE,))}, lambda feed: feed[TEXT])
    columns = [str(name) for name in getattr(estimator, "feature_names_in_", [])]
    if columns and _selects_columns(estimator):
        return _by_column(columns, _declared(bundled) | _text_columns(estimator, columns))
    known = columns or list((bundled.signature or {}).get("columns") or [])
    features = getattr(estimator, "n_features_in_", None)
    width = int(features) if features else len(known) or FREE
    datatype = "BYTES" if _takes_texts_only(estimator) else "FP64"
    inputs = {MATRIX: Tensor(MATRIX, datatype, (FREE, width))}
    return Shape(inputs, lambda feed: feed[MATRIX], known if len(known) == width else [])


def _by_column(columns: list[str], datatypes: dict[str, str]) -> Shape:
    """A data frame, since the model finds its columns by name."""
    import pandas as pd

    inputs = {name: Tensor(name, datatypes.get(name, "FP64"), (FREE,)) for name in columns}
    return Shape(inputs, lambda feed: pd.DataFrame({name: feed[name] for name in columns}, copy=False))


def _declared(bundled: BundledModel) -> dict[str, str]:
    """Datatypes of columns in MLflow's signature; the server takes those of the protocol."""
    given = (bundled.signature or {}).get("inputs") or []
    known = {"BOOL", "INT32", "INT64", "FP32", "FP64", "BYTES"}
    return {one["name"]: one["datatype"] for one in given if one.get("datatype") in known}


def _reads_texts(estimator: Any) -> bool:
    """Whether the first thing that happens to a row is that its words are counted."""
    first = _first(estimator)
    return hasattr(first, "build_analyzer") and type(first).__module__.startswith("sklearn.")


def _first(estimator: Any) -> Any:
    while steps := getattr(estimator, "steps", None):
        estimator = steps[0][1]
    return estimator


def _selects_columns(estimator: Any) -> bool:
    return any(hasattr(one, "transformers_") and _names_columns(one) for one in estimators_in(estimator))


def _names_columns(transformer: Any) -> bool:
    return any(isinstance(name, str) for *_, columns in transformer.transformers_ for name in _listed(columns))


def _listed(columns: Any) -> Iterable[Any]:
    return [columns] if isinstance(columns, str) else np.asarray(columns).ravel().tolist()


def _text_columns(estimator: Any, columns: list[str]) -> dict[str, str]:
    """Columns whose values an encoder, an imputer or a counter of words has seen to be texts."""
    found = {}
    for one in estimators_in(estimator):
        for _, transformer, chosen in getattr(one, "transformers_", ()):
            names = [name for name in _listed(chosen) if isinstance(name, str) and name in columns]
            for position, name in enumerate(names):
                if _saw_texts(transformer, position):
                    found[name] = "BYTES"
    return found


def _saw_texts(transformer: Any, position: int) -> bool:
    first = _first(transformer)
    if hasattr(first, "build_analyzer"):
        return True
    seen = getattr(first, "categories_", None)
    if seen is not None and position < len(seen):
        return _are_texts(np.asarray(seen[position]))
    return getattr(getattr(first, "_fit_dtype", None), "kind", "") in ("O", "U", "S")


def _takes_texts_only(estimator: Any) -> bool:
    seen = getattr(_first(estimator), "categories_", None)
    return bool(seen) and all(_are_texts(np.asarray(one)) for one in seen or ())


def _are_texts(values: Any) -> bool:
    return values.dtype.kind in "US" or any(isinstance(one, str) for one in values.ravel()[:20].tolist())


def likely_rows(shape: Shape, estimator: Any, count: int) -> Feed:
    """Rows that the estimator probably takes: zeros, and of texts such as an encoder knows."""
    feed: Feed = {}
    for name, tensor in shape.inputs.items():
        sizes = [count if place == 0 else 1 if size == FREE else size for place, size in enumerate(tensor.shape or ())]
        value: Any = _known_text(estimator, name) if tensor.datatype == "BYTES" else 0
        feed[name] = np.full(sizes, value, tensor.dtype)
    return feed


def _known_text(estimator: Any, column: str) -> str:
    for one in estimators_in(estimator):
        for _, transformer, chosen in getattr(one, "transformers_", ()):
            seen = getattr(_first(transformer), "categories_", None)
            names = list(_listed(chosen))
            if seen is not None and column in names and names.index(column) < len(seen):
                return str(seen[names.index(column)][0])
    seen = getattr(_first(estimator), "categories_", None)
    return str(seen[0][0]) if seen else "text"
