"""How many rows of a model may share a run, found out when it is loaded.

Models whose rows do not get cheaper in a batch, or come out different, are never batched.
"""

from contextlib import suppress
from math import prod
from time import perf_counter_ns, thread_time_ns
from typing import Any

import msgspec

from scoring.calibration.batch_invariance import ROWS, TOLERANCE, alike, is_batch_invariant, same_as_alone
from scoring.calibration.synthetic_inputs import likely_shape, made_up
from scoring.contract import Batching
from scoring.core.errors import ScoringError
from scoring.core.log import log
from scoring.core.model import Model
from scoring.forms import Inputs
from scoring.queue.batcher import Batcher
from scoring.queue.padding import Padding

SIZES = (8, 16, 32, 64)  # rows tried, in this order
GAIN = 1.1  # a row in a batch must cost this much less than a row alone
MORE_GAIN = 1.04  # and in a larger batch this much less again
DEEP_GAIN = 1.01  # worth a larger run where so many wait that its first request would have waited as long anyway
DEEP_SIZE = 4  # rows of such a run at least
MOST_GAIN = 8  # no row in a batch is hoped to cost less than this part of a row alone; larger runs are not even tried
LONGEST_NS = 250_000_000  # a shared run that takes longer makes its first request wait too long
TURNS = 5  # in which two numbers of rows are compared, fewer once most agree
MADE_UP_BYTES = 1 << 28  # what made-up rows may take of memory while they are made
LENGTHS = (16, 32)  # of rows that are filled up to the same length, to see whether that changes them
Batch = tuple[dict[str, Any], int]  # inputs, and the rows they have


class BatchDependenceError(Exception):
    """Rows that share a run may change each other's answers; the message says how that is known."""


def calibrate(model: Model, options: Batching) -> Batcher | None:
    """A batcher where sharing runs is worth it, or asked for; None where it is not, or cannot be."""
    if options.rows == 1:
        return None
    called = f"{model.name}:{model.version}"
    if not _takes_rows(model):
        if options.rows:
            log(f"{called}: its inputs or outputs have no free number of rows; batching.rows is left aside", "W")
        return None
    try:
        most, deep = (_asked_for if options.rows else _best_sizes)(model, options)
    except BatchDependenceError as found:
        told = f"{called}: rows share no run, since they may change each other's answers: {found}"
        log(f"{told}; batching.rows is left aside" if options.rows else told, "W" if options.rows else "I")
        return None
    except (ScoringError, MemoryError):
        return None  # made-up inputs are none for this model, or too large
    if deep == 1:
        return None
    told = f"up to {most} rows share a run" if most > 1 else "rows share no run"
    more = f", up to {deep} where many wait" if deep > most else ""
    log(f"{called}: {told}{more}")
    if options.pad and not fills_up_safely(model, options.pad):
        log(f"{called}: requests of unlike lengths share no run, since batching.pad would change their answers", "W")
        options = msgspec.structs.replace(options, pad={})
    return Batcher(model, most, options, deep_rows=deep)


def fills_up_safely(model: Model, fill: dict[str, float]) -> bool:
    """Whether a row that is filled up to the length of another comes out as it does alone; True where none can tell."""
    padding = Padding(model, fill)
    short, long = (Inputs(model.output_names, made_up(model, 1, length), None) for length in LENGTHS)
    if padding.batch_key(short) != padding.batch_key(long):
        return True  # they never share a run
    try:
        alone = model.compute(model.output_names, short.feed, trial=True)
        together = model.compute(model.output_names, padding.join([short, long]), trial=True)
    except (ScoringError, MemoryError):
        return True
    own = padding.cut(short, together, 0, 1)
    return all(one.shape == other.shape and alike(one, other, TOLERANCE) for one, other in zip(alone, own, strict=True))


def _takes_rows(model: Model) -> bool:
    """Every input and output has a free first dimension."""
    shapes = [one.shape for one in model.required_inputs.values()] + [one.shape for one in model.outputs.values()]
    maps = any(one.maps for one in model.outputs.values())
    return bool(model.required_inputs) and not maps and all(shape and shape[0] == -1 for shape in shapes)


def _asked_for(model: Model, options: Batching) -> tuple[int, int]:
    """The number that was asked for, unless rows change each other's answers."""
    _refuse_operators(model)
    if _made_up_bytes(model, ROWS) <= MADE_UP_BYTES:
        with suppress(ScoringError):  # made-up inputs are none for this model: who asks knows it better
            feed = made_up(model, ROWS)
            _refuse_unlike(model, feed, ROWS)
            _refuse_dependence(model, feed)
    return options.rows or 1, options.rows or 1


def _best_sizes(model: Model, _: Batching) -> tuple[int, int]:
    """How many rows should share a run, and how many where many requests wait."""
    _refuse_operators(model)
    best, fewer = 1, made_up(model, 1)
    alone = _cost(model, fewer, 1)
    for size in SIZES:
        more = _tried(model, size, alone)
        if more is None or not _pays(model, (fewer, best), (more, size), GAIN if best == 1 else MORE_GAIN):
            break
        best, fewer = size, more
    if best > 1:
        _refuse_unlike(model, fewer, best)
        _refuse_dependence(model, fewer)
    return best, _best_deep(model, fewer, best, alone)


def _best_deep(model: Model, fewer: dict[str, Any], best: int, alone: float) -> int:
    """How many rows should share a run where many requests wait and `best` share it else."""
    deep = max(DEEP_SIZE, 2 * best)
    more = _tried(model, deep, alone) if deep <= SIZES[-1] else None
    if more is None or not _pays(model, (fewer, best), (more, deep), DEEP_GAIN):
        return best
    if best == 1:
        _refuse_unlike(model, more, deep)
        _refuse_dependence(model, more)
        return deep
    return deep if same_as_alone(model, more, deep) else best


def _refuse_operators(model: Model) -> None:
    if reason := model.batch_dependence():
        raise BatchDependenceError(reason)


def _refuse_unlike(model: Model, feed: dict[str, Any], rows: int) -> None:
    if not same_as_alone(model, feed, rows):
        raise BatchDependenceError("a row comes out differently in a batch than alone")


def _refuse_dependence(model: Model, feed: dict[str, Any]) -> None:
    if not is_batch_invariant(model, feed):
        raise BatchDependenceError("a row comes out differently with other rows in the batch")


def _tried(model: Model, rows: int, alone: float) -> dict[str, Any] | None:
    """So many rows that have had their first run; None where a run of them takes too long, or too much memory."""
    if alone * rows > MOST_GAIN * LONGEST_NS or _made_up_bytes(model, rows) > MADE_UP_BYTES:
        return None
    feed = made_up(model, rows)
    return feed if _cost(model, feed, rows) * rows <= LONGEST_NS else None


def _made_up_bytes(model: Model, rows: int) -> int:
    """What `made_up` needs at its peak: each number as one of 32 bits, twice, as a float, and as it is in the end."""
    return sum(prod(likely_shape(tensor, rows)) * 24 for tensor in model.required_inputs.values())


def _pays(model: Model, fewer: Batch, more: Batch, gain: float) -> bool:
    """Whether rows cost so much less in a larger batch: the verdict of most turns, each of one run with either number.

    A machine whose speed changes meanwhile misleads the turn in which it does so, not those before and after.
    """
    votes = {True: 0, False: 0}
    while max(votes.values()) <= TURNS // 2:
        votes[_cost(model, *fewer) >= _cost(model, *more) * gain] += 1
    return votes[True] > votes[False]


def _cost(model: Model, feed: dict[str, Any], rows: int) -> float:
    """Nanoseconds a row takes in one run.

    Processor time where that is all: what else the machine does then cannot hide what a batch gains.
    """
    clock = thread_time_ns if model.runs_in_calling_thread else perf_counter_ns
    began = clock()
    model.compute(model.output_names, feed, trial=True)
    return (clock() - began) / rows
