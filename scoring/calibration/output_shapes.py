"""The shapes that a model's outputs have in truth, learned from runs: some converters declare others."""

from collections.abc import Sequence
from math import prod

import numpy as np

from scoring.calibration.synthetic_inputs import likely_shape, made_up
from scoring.core.codecs import Feed
from scoring.core.errors import ScoringError
from scoring.core.tensors import Tensor
from scoring.onnx.session import OnnxModel

RUNS = ((2, 32), (3, 64))  # rows, and how long free dimensions are: what differs between the runs is free
LONGEST_SECONDS = 0.1  # of a lone run: slower models would start later
MOST_VALUES = 1 << 22  # of made-up rows, for the same reason
Shape = Sequence[int]


def learn_shapes(model: OnnxModel, seconds: float | None) -> None:
    """Correct the declared shapes of outputs by what two runs give; `seconds` is what a lone run takes.

    LightGBM's converter says [1] where labels are [rows], XGBoost's [rows, 1] where two targets are [rows, 2].
    """
    if seconds is not None and seconds > LONGEST_SECONDS:
        return
    if not all(_can_be_made_up(tensor) for tensor in model.inputs.values()):
        return
    few, more = (_shapes_of_run(model, rows, free) for rows, free in RUNS)
    floats = all(np.dtype(tensor.dtype).kind == "f" for tensor in model.inputs.values())
    for output, one, other in zip(model.outputs.values(), few, more, strict=False):  # none where a run has failed
        if not output.is_maps:
            named = [isinstance(size, str) for size in model.dimensions[output.name]]
            output.shape = corrected(output.shape, named, one, other, floats=floats)


def _can_be_made_up(tensor: Tensor) -> bool:
    """Not where a shape is not declared, or whole numbers are no rows: a size or a step may be beyond all reason."""
    if tensor.shape is None:
        return False
    return np.dtype(tensor.dtype).kind not in "iu" or tensor.shape[:1] == (-1,)


def corrected(declared: list[int], named: list[bool], few: Shape, more: Shape, *, floats: bool = True) -> list[int]:
    """A declared shape, -1 for what is no fixed size, made to agree with those of two runs.

    A size that is not declared is believed to be fixed where the runs agree, it has no name, and the model takes
    nothing but `floats`, since a whole number may be a size. (The runtime takes back a size on which the file and the
    operator disagree.) A rank that is not declared looks like a single value's.
    """
    if len(few) != len(more):
        return declared
    seen = [size if size == other else -1 for size, other in zip(few, more, strict=True)]
    if len(declared) != len(seen):
        return seen if floats else [-1] * len(seen)
    free = [said == -1 and (name or not floats) for said, name in zip(declared, named, strict=True)]
    return [-1 if kept else size for kept, size in zip(free, seen, strict=True)]


def _shapes_of_run(model: OnnxModel, rows: int, free: int) -> list[Shape]:
    """The shapes of all outputs; none where the model takes neither made-up values nor zeros."""
    if sum(prod(likely_shape(tensor, rows, free)) for tensor in model.inputs.values()) > MOST_VALUES:
        return []
    feed = made_up(model, rows, free)
    zeros: Feed = {name: np.zeros_like(array) if array.dtype != object else array for name, array in feed.items()}
    for values in (feed, zeros):
        try:
            return [np.shape(result) for result in model.compute(model.names, values, trial=True)]
        except (ScoringError, MemoryError):
            continue
    return []
