"""How many rows of a model may share a run, found out when it is loaded.

Models whose rows do not get cheaper in company, or come out different, are never batched.
"""

from math import prod
from time import perf_counter_ns, thread_time_ns
from typing import Any

import numpy as np

from scoring.batcher import Batcher
from scoring.contract import Batching
from scoring.errors import ScoringError
from scoring.log import log
from scoring.session import OnnxModel
from scoring.tensors import Array, Tensor

SIZES = (8, 16, 32, 64)  # rows tried, in this order
GAIN = 1.1  # a row in company must cost this much less than a row alone
MORE_GAIN = 1.04  # and in more company this much less again
DEEP_GAIN = 1.01  # worth a larger run where so many wait that its first request would have waited as long anyway
DEEP_SIZE = 4  # rows of such a run at least
MOST_GAIN = 8  # no row in company is hoped to cost less than this part of a row alone; larger runs are not even tried
LONGEST_NS = 250_000_000  # a shared run that takes longer makes its first request wait too long
TURNS = 5  # in which two numbers of rows are compared, fewer once most agree
MADE_UP_BYTES = 1 << 28  # what made-up rows may take of memory while they are made
FREE_DIMENSION = 32  # how long a free dimension is taken to be when nothing is known
TOLERANCE = 1e-3
Company = tuple[dict[str, Any], int]  # inputs, and the rows they have


def calibrate(model: OnnxModel, options: Batching) -> Batcher | None:
    """A batcher where sharing runs is worth it, or asked for; None where it is not, or cannot be."""
    if options.rows == 1 or not _takes_rows(model):
        return None
    try:
        most, deep = (options.rows, options.rows) if options.rows else _best_sizes(model)
    except (ScoringError, MemoryError):
        return None  # made-up inputs are none for this model, or too large
    if deep == 1:
        return None
    told = f"up to {most} rows share a run" if most > 1 else "rows share no run"
    more = f", up to {deep} where many wait" if deep > most else ""
    log(f"{model.name}:{model.version}: {told}{more}")
    return Batcher(model, most, options, deep_rows=deep)


def _takes_rows(model: OnnxModel) -> bool:
    """Every input and output has a free first dimension."""
    shapes = [one.shape for one in model.inputs.values()] + [one.shape for one in model.outputs.values()]
    maps = any(one.is_maps for one in model.outputs.values())
    return bool(model.inputs) and not maps and all(shape and shape[0] == -1 for shape in shapes)


def _best_sizes(model: OnnxModel) -> tuple[int, int]:
    """How many rows should share a run, and how many where many requests wait."""
    best, fewer = 1, made_up(model, 1)
    alone = _cost(model, fewer, 1)
    for size in SIZES:
        more = _tried(model, size, alone)
        if more is None or not _pays(model, (fewer, best), (more, size), GAIN if best == 1 else MORE_GAIN):
            break
        best, fewer = size, more
    if best > 1 and not _same(model, fewer, best):
        return 1, 1
    deep = max(DEEP_SIZE, 2 * best)
    more = _tried(model, deep, alone) if deep <= SIZES[-1] else None
    pays = more is not None and _pays(model, (fewer, best), (more, deep), DEEP_GAIN) and _same(model, more, deep)
    return best, deep if pays else best


def _tried(model: OnnxModel, rows: int, alone: float) -> dict[str, Any] | None:
    """So many rows that have had their first run; None where a run of them takes too long, or too much memory."""
    if alone * rows > MOST_GAIN * LONGEST_NS or _made_up_bytes(model, rows) > MADE_UP_BYTES:
        return None
    feed = made_up(model, rows)
    return feed if _cost(model, feed, rows) * rows <= LONGEST_NS else None


def made_up(model: OnnxModel, rows: int) -> dict[str, Any]:
    """Different rows of likely values: whole numbers are 0 or 1, as flags and small indices are."""
    feed, begin = {}, 0
    for tensor in model.inputs.values():
        shape = _likely_shape(tensor, rows)
        if tensor.datatype == "BYTES":
            feed[tensor.name] = np.full(shape, "", dtype=object)
            continue
        mixed = _mixed(begin, begin := begin + prod(shape))
        likely = mixed * 2.0**-32 if np.dtype(tensor.dtype).kind == "f" else mixed >> 31
        feed[tensor.name] = likely.astype(tensor.dtype).reshape(shape)
    return feed


def _likely_shape(tensor: Tensor, rows: int) -> list[int]:
    return [rows, *(FREE_DIMENSION if size == -1 else size for size in (tensor.shape or ())[1:])]


def _made_up_bytes(model: OnnxModel, rows: int) -> int:
    """What `made_up` needs at its peak: each number as one of 32 bits, twice, as a float, and as it is in the end."""
    return sum(prod(_likely_shape(tensor, rows)) * 24 for tensor in model.inputs.values())


def _mixed(begin: int, end: int) -> Array:
    """Whole numbers of 32 bits that look random: a count, mixed as MurmurHash3 does in the end (Appleby 2011).

    The import of numpy.random alone was a quarter of the time in which a small service starts.
    """
    mixed = np.arange(begin, end, dtype=np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        mixed ^= mixed >> shift
        mixed *= np.uint32(factor)
    return mixed


def _pays(model: OnnxModel, fewer: Company, more: Company, gain: float) -> bool:
    """Whether rows cost so much less in more company: the verdict of most turns, each of one run with either number.

    A machine whose speed changes meanwhile misleads the turn in which it does so, not those before and after.
    """
    votes = {True: 0, False: 0}
    while max(votes.values()) <= TURNS // 2:
        votes[_cost(model, *fewer) >= _cost(model, *more) * gain] += 1
    return votes[True] > votes[False]


def _cost(model: OnnxModel, feed: dict[str, Any], rows: int) -> float:
    """Nanoseconds a row takes in one run.

    Processor time where that is all: what else the machine does then cannot hide what company gains.
    """
    clock = thread_time_ns if model.is_in_thread else perf_counter_ns
    began = clock()
    model.compute(model.names, feed)
    return (clock() - began) / rows


def _same(model: OnnxModel, feed: dict[str, Any], rows: int) -> bool:
    """Whether rows come out of a shared run as they do alone."""
    together = model.compute(model.names, {name: array[:rows] for name, array in feed.items()})
    for row in (0, rows - 1):
        alone = model.compute(model.names, {name: array[row : row + 1] for name, array in feed.items()})
        for one, many in zip(alone, together, strict=True):
            by_row = one.shape[:1] == (1,) and many.shape[:1] == (rows,)  # some models squeeze a lone row
            if not by_row or not _alike(one[0], many[row]):
                return False
    return True


def _alike(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind not in "fiub":
        return np.array_equal(one, other)
    with np.errstate(over="ignore"):  # they may lie as far apart as can be
        return np.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
