"""The real shapes of a model's outputs, learned from runs: some converters declare others."""

from collections.abc import Sequence
from math import prod

import numpy as np

from scoring.calibration.synthetic_inputs import likely_shape, synthetic_rows
from scoring.core.errors import ScoringError
from scoring.core.model import Model
from scoring.core.tensors import Feed, Tensor

RUNS = ((2, 32), (3, 64))  # rows, and how long free dimensions are: what differs between the runs is free
MAX_SECONDS = 0.1  # of a run of one row: slower models would start later
MAX_VALUES = 1 << 22  # of synthetic rows, for the same reason
Shape = Sequence[int]


def learn_shapes(model: Model, seconds: float | None) -> None:
    """Correct the declared shapes of outputs by what two runs give; `seconds` is what a run of one row takes.

    LightGBM's converter says [1] where labels are [rows], XGBoost's [rows, 1] where two targets are [rows, 2].
    """
    if seconds is not None and seconds > MAX_SECONDS:
        return
    if not all(_can_be_synthetic(tensor) for tensor in model.required_inputs.values()):
        return
    few, more = (_shapes_of_run(model, rows, free) for rows, free in RUNS)
    floats = all(tensor.kind == "f" for tensor in model.required_inputs.values())
    for output, one, other in zip(model.outputs.values(), few, more, strict=False):  # none where a run has failed
        if not output.maps:
            named = [name is not None for name in output.dimension_names]
            output.shape = corrected(output.shape or (), named, one, other, floats=floats)


def _can_be_synthetic(tensor: Tensor) -> bool:
    """Not where a shape is not declared, nor for integers that are not given by row: they may be sizes or steps."""
    if tensor.shape is None:
        return False
    return tensor.kind not in "iu" or tensor.shape[:1] == (-1,)


def corrected(
    declared: tuple[int, ...], named: Sequence[bool], few: Shape, more: Shape, *, floats: bool = True
) -> tuple[int, ...]:
    """A declared shape, -1 for free dimensions, corrected by the shapes of two runs.

    A dimension that is not declared counts as fixed where the runs agree, it has no name, and the model takes nothing
    but `floats`, since an integer may be a size. (The runtime takes back a size on which the file and the operator
    disagree.) A rank that is not declared looks like a single value's.

    LightGBM's labels are declared as (1,), and runs of 2 and 3 rows give (2,) and (3,): (-1,). XGBoost's scores for
    two targets are declared as (-1, 1), and runs give (2, 2) and (3, 2): (-1, 2).
    """
    if len(few) != len(more):
        return declared
    seen = [size if size == other else -1 for size, other in zip(few, more, strict=True)]
    if len(declared) != len(seen):
        return tuple(seen) if floats else (-1,) * len(seen)
    free = [size == -1 and (name or not floats) for size, name in zip(declared, named, strict=True)]
    return tuple(-1 if is_free else size for is_free, size in zip(free, seen, strict=True))


def _shapes_of_run(model: Model, rows: int, free: int) -> list[Shape]:
    """The shapes of all outputs; none where the model takes neither synthetic values nor zeros."""
    if sum(prod(likely_shape(tensor, rows, free)) for tensor in model.required_inputs.values()) > MAX_VALUES:
        return []
    feed = synthetic_rows(model, rows, free)
    zeros: Feed = {name: np.zeros_like(array) if array.dtype != object else array for name, array in feed.items()}
    for values in (feed, zeros):
        try:
            return [np.shape(result) for result in model.compute(model.output_names, values, trial=True)]
        except (ScoringError, MemoryError):
            continue
    return []
