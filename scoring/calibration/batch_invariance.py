"""Whether rows come out of a batch as they do alone, whatever the other rows are; found out by runs."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from scoring.calibration.synthetic_inputs import pseudo_random
from scoring.core.errors import ScoringError
from scoring.core.model import Model
from scoring.core.tensors import Array, Feed

TOLERANCE = 1e-3  # between a row alone and in a batch, whose sums are added up in another order
SAME_SIZE_TOLERANCE = 1e-5  # between runs of as many rows each, of which only the others differ
ROWS = 3
ENDS, MIDDLE = np.array([True, False, True]), np.array([False, True, False])  # rows that are looked at
# By what numbers of made-up rows, which are from 0 to 1, are multiplied: those of a row that is looked at, and those
# of the first, the second and the third of the rows, where they stand beside it.
SCALES = (
    (1, (1e4, 1e4, -100), ENDS),
    (1, (1e4, 1, -1e4), MIDDLE),
    (1, (0, 1e-3, 0), ENDS),
    (1e4, (1, 1, 1), ENDS),
    (1, (1e30, 1e30, -1e30), ENDS),  # beyond any limit that a graph compares values with
    (1, (-1e30, 1, 1e30), MIDDLE),
)
MOST_WHOLE = 100  # beside the flags and small indices of other rows, where the model takes such


def same_as_alone(model: Model, feed: Feed, rows: int) -> bool:
    """Whether the first and the last of so many rows come out of a batch as they do alone."""
    together = model.compute(model.output_names, {name: array[:rows] for name, array in feed.items()}, trial=True)
    for row in (0, rows - 1):
        alone = model.compute(
            model.output_names, {name: array[row : row + 1] for name, array in feed.items()}, trial=True
        )
        for one, many in zip(alone, together, strict=True):
            by_row = one.shape[:1] == (1,) and many.shape[:1] == (rows,)  # some models squeeze a lone row
            if not by_row or not alike(one[0], many[row], TOLERANCE):
                return False
    return True


def is_batch_invariant(model: Model, feed: Feed) -> bool:
    """Whether rows come out the same beside rows of their own magnitude and of very different ones.

    The first `ROWS` of `feed` are taken. All runs have as many rows, so that only the other rows can make a difference.
    """
    feed = {name: array[:ROWS] for name, array in feed.items()}
    seen: dict[float, list[Array]] = {}
    for own, others, looked_at in SCALES:
        plain = _times(feed, [own] * ROWS)
        if own not in seen:
            seen[own] = [np.array(result) for result in model.compute(model.output_names, plain, trial=True)]
        if not _same_beside(model, plain, _times(feed, others), seen[own], looked_at):
            return False
    others_told = {name: _others(array) for name, array in feed.items()}
    if any(array is not feed[name] for name, array in others_told.items()):
        with suppress(ScoringError):  # an index beyond a table, most likely
            return all(_same_beside(model, feed, others_told, seen[1], rows) for rows in (ENDS, MIDDLE))
    return True


def _same_beside(model: Model, feed: Feed, beside: Feed, seen: list[Array], rows: Array) -> bool:
    """Whether `rows` of a feed come out as they were `seen` where all other rows are those of `beside`."""
    batch = {name: np.where(_column(rows, array), array, beside[name]) for name, array in feed.items()}
    for one, other in zip(seen, model.compute(model.output_names, batch, trial=True), strict=True):
        if len(one) != ROWS or one.shape != np.shape(other):
            return False
        if not all(alike(one[row], other[row], SAME_SIZE_TOLERANCE) for row in np.flatnonzero(rows)):
            return False
    return True


def _column(values: Array, array: Array) -> Array:
    """A value for each row, in the shape that goes with all rows of an array."""
    return values.reshape(-1, *[1] * (array.ndim - 1))


def _times(feed: Feed, scales: Sequence[float]) -> Feed:
    """The numbers of every row so many times as large; whole numbers, flags and texts as they are."""
    return {
        name: array * _column(_limited(scales, array.dtype), array) if array.dtype.kind == "f" else array
        for name, array in feed.items()
    }


def _limited(scales: Sequence[float], dtype: Any) -> Array:
    """The scales in a floating-point type, whose own limits they may be beyond."""
    largest = float(np.finfo(dtype).max)
    return np.clip(scales, -largest, largest).astype(dtype)


def _others(array: Array) -> Array:
    """Other whole numbers, flags and texts in the place of these."""
    if array.dtype.kind in "iu":
        spread = pseudo_random(0, array.size).reshape(array.shape) % np.uint32(MOST_WHOLE)
        return spread.astype(array.dtype)
    if array.dtype.kind == "b":
        return ~array
    return np.full(array.shape, "a", dtype=object) if array.dtype.kind == "O" else array


def alike(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two answers for a row are the same: `tolerance` is a part of the largest number in it."""
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    with np.errstate(over="ignore", invalid="ignore"):  # they may lie as far apart as can be
        finite = np.abs(one[np.isfinite(one)], dtype=np.float64)
        largest = float(finite.max()) if finite.size else 0.0
        return np.allclose(one, other, rtol=tolerance, atol=tolerance * largest, equal_nan=True)
