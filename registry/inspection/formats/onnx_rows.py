"""Synthetic rows for a model, and what the shapes of its results show. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.inspection.signature import DYNAMIC, Signature, TensorSpec

TRIED = ((2, 0), (3, 1), (1, 1))  # rows, and the value that fills them
MAX_VALUES = 4_000_000  # of all inputs of a run together
_DTYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
} | {f"tensor({sign}int{bits})": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}
# Operators whose answers are as large as the values say.
_BY_VALUE = frozenset(
    {"Compress", "If", "Loop", "NonMaxSuppression", "NonZero", "Range", "StringNormalizer", "StringSplit", "Unique"}
)
Shape = tuple[int, ...]


def feed_of(inputs: Sequence[Any], rows: int, value: int) -> dict[str, NDArray[Any]] | None:
    """Arrays of `value` for the runtime's inputs: `rows` where the first dimension is free, 1 where others are.

    None where an input is of another kind, or all would be too large.
    """
    free = {str(one.shape[0]) for one in inputs if one.shape and isinstance(one.shape[0], str)}
    shapes = {one.name: tuple(_sizes(one.shape or [], rows, free)) for one in inputs}
    kinds = [one.type in _DTYPES for one in inputs]
    if not all(kinds) or sum(prod(shape) for shape in shapes.values()) > MAX_VALUES:
        return None
    return {one.name: _filled(shapes[one.name], _DTYPES[one.type], value) for one in inputs}


def _sizes(shape: Sequence[Any], rows: int, free: set[str]) -> Iterable[int]:
    for place, size in enumerate(shape):
        if isinstance(size, int) and size >= 0:
            yield size
        else:
            yield rows if place == 0 or size in free else 1


def _filled(shape: Shape, dtype: Any, value: int) -> NDArray[Any]:
    return np.full(shape, str(value), object) if dtype is np.object_ else np.full(shape, value, dtype)


def shape_of(result: Any) -> Shape | None:
    """Of an answer; that of the matrix for a list of maps; None for anything else."""
    if isinstance(result, np.ndarray):
        return tuple(result.shape)
    if isinstance(result, list) and result and all(isinstance(one, dict) for one in result):
        return len(result), len(result[0])
    return None


def is_conclusive(inputs: Sequence[Any]) -> bool:
    """Whether shapes of runs are evidence: an integer may be a size or an axis, for which synthetic values are wrong.

    Where the number of rows is free, that is what the inputs are.
    """
    return _floats(inputs) or any(one.shape and not isinstance(one.shape[0], int) for one in inputs)


def is_certain(inputs: Sequence[Any], operators: Mapping[str, int]) -> bool:
    """Whether a size that was the same in all runs is always the same: nothing but the number of rows is free."""
    others = [size for one in inputs for size in (one.shape or [])[1:] if not isinstance(size, int)]
    return _floats(inputs) and not others and not _BY_VALUE.intersection(operators)


def _floats(inputs: Sequence[Any]) -> bool:
    return all(one.type in {"tensor(float)", "tensor(double)", "tensor(float16)"} for one in inputs)


def corrected(signature: Signature, runs: Sequence[Sequence[Shape | None]], *, certain: bool) -> Signature:
    """The signature with the shapes of outputs that runs contradict. `runs`: the shapes of all outputs in each."""
    outputs = [
        _corrected(one, [shapes[place] for shapes in runs], certain=certain)
        for place, one in enumerate(signature.outputs)
    ]
    return Signature(signature.inputs, outputs, signature.columns)


def _corrected(declared: TensorSpec, seen: Sequence[Shape | None], *, certain: bool) -> TensorSpec:
    shapes = [shape for shape in seen if shape is not None]
    if len(shapes) < len(seen) or len({len(shape) for shape in shapes}) != 1:
        return declared
    seen_sizes = [set(place) for place in zip(*shapes, strict=True)]
    if len(declared.shape) != len(seen_sizes):
        sizes = [_size(place, certain=certain) for place in seen_sizes]
    else:
        pairs = zip(declared.shape, seen_sizes, strict=True)
        sizes = [size if {size} in ({DYNAMIC}, place) else _size(place, certain=certain) for size, place in pairs]
    return TensorSpec(declared.name, declared.datatype, sizes, declared.optional)


def _size(seen: set[int], *, certain: bool) -> int:
    """An empty result on synthetic values is no evidence."""
    return next(iter(seen)) if certain and len(seen) == 1 and seen != {0} else DYNAMIC
