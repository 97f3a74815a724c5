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
SAME_SIZE_TOLERANCE = 1e-5  # between runs of as many rows each, in which only the other rows differ
ROWS = 3
ENDS, MIDDLE = np.array([True, False, True]), np.array([False, True, False])  # rows whose results are compared
# Factors of synthetic rows, which are from 0 to 1: of the rows that are compared, and of the first, second and third
# row where they are the others. In the first line rows 0 and 2 are as they are, and row 1 is 10,000 times as large: a
# scale that is taken of the whole run changes the results of rows 0 and 2.
SCALES = (
    (1, (1e4, 1e4, -100), ENDS),
    (1, (1e4, 1, -1e4), MIDDLE),
    (1, (0, 1e-3, 0), ENDS),
    (1e4, (1, 1, 1), ENDS),
    (1, (1e30, 1e30, -1e30), ENDS),  # beyond any limit that a graph compares values with
    (1, (-1e30, 1, 1e30), MIDDLE),
)
MAX_INTEGER = 100  # of other rows, where the model takes integers


def is_same_alone(model: Model, feed: Feed, rows: int) -> bool:
    """Whether the first and the last of so many rows come out of a batch as they do alone."""
    names = model.output_names
    together = model.compute(names, {name: array[:rows] for name, array in feed.items()}, trial=True)
    for row in (0, rows - 1):
        alone = model.compute(names, {name: array[row : row + 1] for name, array in feed.items()}, trial=True)
        for one, many in zip(alone, together, strict=True):
            by_row = one.shape[:1] == (1,) and many.shape[:1] == (rows,)  # some models squeeze a single row
            if not by_row or not is_close(one[0], many[row], TOLERANCE):
                return False
    return True


def is_batch_invariant(model: Model, feed: Feed) -> bool:
    """Whether rows come out the same beside rows of their own magnitude and of very different ones.

    The first `ROWS` of `feed` are taken. All runs have as many rows, so that only the other rows can make a difference.
    """
    feed = {name: array[:ROWS] for name, array in feed.items()}
    expected: dict[float, list[Array]] = {}
    for own, others, compared in SCALES:
        plain = _scaled(feed, [own] * ROWS)
        if own not in expected:
            expected[own] = [np.array(result) for result in model.compute(model.output_names, plain, trial=True)]
        if not _is_same_beside(model, plain, _scaled(feed, others), expected[own], compared):
            return False
    replaced = {name: _replaced(array) for name, array in feed.items()}
    if any(array is not feed[name] for name, array in replaced.items()):
        with suppress(ScoringError):  # an index beyond a table, most likely
            return all(_is_same_beside(model, feed, replaced, expected[1], rows) for rows in (ENDS, MIDDLE))
    return True


def _is_same_beside(model: Model, feed: Feed, others: Feed, expected: list[Array], compared: Array) -> bool:
    """Whether the rows `compared` of a feed come out as `expected` where all other rows are those of `others`."""
    batch = {name: np.where(_by_row(compared, array), array, others[name]) for name, array in feed.items()}
    for one, other in zip(expected, model.compute(model.output_names, batch, trial=True), strict=True):
        if len(one) != ROWS or one.shape != np.shape(other):
            return False
        if not all(is_close(one[row], other[row], SAME_SIZE_TOLERANCE) for row in np.flatnonzero(compared)):
            return False
    return True


def _by_row(values: Array, array: Array) -> Array:
    """A value for each row, in the shape that broadcasts over the rows of an array."""
    return values.reshape(-1, *[1] * (array.ndim - 1))


def _scaled(feed: Feed, factors: Sequence[float]) -> Feed:
    """Floats of each row times its factor; integers, flags and texts as they are."""
    return {
        name: array * _by_row(_clipped(factors, array.dtype), array) if array.dtype.kind == "f" else array
        for name, array in feed.items()
    }


def _clipped(factors: Sequence[float], dtype: Any) -> Array:
    """The factors in a floating-point type, cut at its largest number."""
    largest = float(np.finfo(dtype).max)
    return np.clip(factors, -largest, largest).astype(dtype)


def _replaced(array: Array) -> Array:
    """Other integers, flags and texts in the place of these."""
    if array.dtype.kind in "iu":
        spread = pseudo_random(0, array.size).reshape(array.shape) % np.uint32(MAX_INTEGER)
        return spread.astype(array.dtype)
    if array.dtype.kind == "b":
        return ~array
    return np.full(array.shape, "a", dtype=object) if array.dtype.kind == "O" else array


def is_close(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two results of a row are the same: `tolerance` is a part of the largest number in the first."""
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    with np.errstate(over="ignore", invalid="ignore"):  # they may lie as far apart as can be
        finite = np.abs(one[np.isfinite(one)], dtype=np.float64)
        largest = float(finite.max()) if finite.size else 0.0
        return np.allclose(one, other, rtol=tolerance, atol=tolerance * largest, equal_nan=True)
