"""How many rows of a model may share a run, found out when it is loaded.

Models whose rows do not get cheaper in a batch, or come out different, are never batched.
"""

from contextlib import suppress
from math import prod
from time import perf_counter_ns, thread_time_ns

import msgspec

from scoring.calibration.batch_invariance import ROWS, TOLERANCE, is_batch_invariant, is_close, is_same_alone
from scoring.calibration.synthetic_inputs import likely_shape, synthetic_rows
from scoring.contract import Batching
from scoring.core.errors import ScoringError
from scoring.core.log import log
from scoring.core.model import Model
from scoring.core.tensors import FREE, Feed
from scoring.forms import Inputs
from scoring.queue.batcher import Batcher
from scoring.queue.padding import Padding

SIZES = (8, 16, 32, 64)  # rows tried, in this order
GAIN = 1.1  # a row in a batch must cost this much less than a row alone
MORE_GAIN = 1.04  # and in a larger batch this much less again
DEEP_GAIN = 1.01  # enough in a deep queue, where the first request of a batch would have waited as long anyway
MIN_DEEP_ROWS = 4
MAX_GAIN = 8  # of a row in a batch, at the very best: batches that would be too slow even so are not tried
MAX_RUN_NS = 250_000_000  # a shared run that takes longer makes its first request wait too long
COMPARISONS = 5  # of two batch sizes; fewer once most agree
MAX_BYTES = 1 << 28  # of memory that synthetic rows may take while they are made
LENGTHS = (16, 32)  # of rows that are padded to the same length, to see whether that changes them
Batch = tuple[Feed, int]  # inputs, and the rows they have


class BatchDependenceError(Exception):
    """Rows that share a run may change each other's results; the message says how that is known."""


def calibrate(model: Model, options: Batching) -> Batcher | None:
    """A batcher where sharing runs is worth it, or configured; None where it is not, or not possible."""
    if options.rows == 1:
        return None
    name = f"{model.name}:{model.version}"
    if not _has_rows(model):
        if options.rows:
            log(f"{name}: its inputs or outputs have no free number of rows; batching.rows is left aside", "W")
        return None
    try:
        most, deep = (_configured_sizes if options.rows else _best_sizes)(model, options)
    except BatchDependenceError as found:
        message = f"{name}: rows share no run, since they may change each other's answers: {found}"
        log(f"{message}; batching.rows is left aside" if options.rows else message, "W" if options.rows else "I")
        return None
    except (ScoringError, MemoryError):
        return None  # the model does not take synthetic rows, or they are too large
    if deep == 1:
        return None
    shared = f"up to {most} rows share a run" if most > 1 else "rows share no run"
    more = f", up to {deep} where many wait" if deep > most else ""
    log(f"{name}: {shared}{more}")
    if options.pad and not is_padding_safe(model, options.pad):
        log(f"{name}: requests of unlike lengths share no run, since batching.pad would change their answers", "W")
        options = msgspec.structs.replace(options, pad={})
    return Batcher(model, most, options, deep_rows=deep)


def is_padding_safe(model: Model, fill: dict[str, float]) -> bool:
    """Whether a row that is padded to the length of another comes out as it does alone; True where runs cannot tell."""
    padding = Padding(model, fill)
    short, long = (Inputs(model.output_names, synthetic_rows(model, 1, length), None) for length in LENGTHS)
    if padding.batch_key(short) != padding.batch_key(long):
        return True  # they never share a run
    try:
        alone = model.compute(model.output_names, short.feed, trial=True)
        together = model.compute(model.output_names, padding.join([short, long]), trial=True)
    except (ScoringError, MemoryError):
        return True
    own = padding.cut(short, together, 0, 1)
    return all(
        one.shape == other.shape and is_close(one, other, TOLERANCE) for one, other in zip(alone, own, strict=True)
    )


def _has_rows(model: Model) -> bool:
    """Every input and output has a free first dimension."""
    tensors = [*model.required_inputs.values(), *model.outputs.values()]
    by_row = all(not one.maps and one.shape and one.shape[0] == FREE for one in tensors)
    return bool(model.required_inputs) and by_row


def _configured_sizes(model: Model, options: Batching) -> tuple[int, int]:
    """The number of rows that is configured, unless rows change each other's results."""
    _refuse_dependent_graph(model)
    if _synthetic_bytes(model, ROWS) <= MAX_BYTES:
        with suppress(ScoringError):  # the model does not take synthetic rows: the configuration is believed
            feed = synthetic_rows(model, ROWS)
            _refuse_difference(model, feed, ROWS)
            _refuse_dependence(model, feed)
    return options.rows or 1, options.rows or 1


def _best_sizes(model: Model, _: Batching) -> tuple[int, int]:
    """How many rows should share a run, and how many in a deep queue.

    Sizes grow while they pay. Say a run of 1, 8, 16, 32 rows takes 2, 4, 6, 11.8 ms, so a row costs 2, 0.5, 0.375,
    0.369 ms: 8 rows pay (0.5 < 2 / 1.1), 16 rows pay again (0.375 < 0.5 / 1.04), 32 rows do not (0.369 > 0.375 / 1.04),
    so 16 rows share a run. In a deep queue 32 rows do, since 0.369 < 0.375 / 1.01. If a run of 8 rows took 15 ms
    (1.875 > 2 / 1.1), rows would share none, and in a deep queue 4 rows, if they cost less than 2 / 1.01.
    """
    _refuse_dependent_graph(model)
    best, best_rows = 1, synthetic_rows(model, 1)
    alone = _cost(model, best_rows, 1)
    for size in SIZES:
        rows = _tried(model, size, alone)
        if rows is None or not _pays(model, (best_rows, best), (rows, size), GAIN if best == 1 else MORE_GAIN):
            break
        best, best_rows = size, rows
    if best > 1:
        _refuse_difference(model, best_rows, best)
        _refuse_dependence(model, best_rows)
    return best, _best_deep(model, best_rows, best, alone)


def _best_deep(model: Model, best_rows: Feed, best: int, alone: float) -> int:
    """How many rows should share a run in a deep queue, where `best` do otherwise."""
    deep = max(MIN_DEEP_ROWS, 2 * best)
    rows = _tried(model, deep, alone) if deep <= SIZES[-1] else None
    if rows is None or not _pays(model, (best_rows, best), (rows, deep), DEEP_GAIN):
        return best
    if best == 1:
        _refuse_difference(model, rows, deep)
        _refuse_dependence(model, rows)
        return deep
    return deep if is_same_alone(model, rows, deep) else best


def _refuse_dependent_graph(model: Model) -> None:
    if reason := model.batch_dependence():
        raise BatchDependenceError(reason)


def _refuse_difference(model: Model, feed: Feed, rows: int) -> None:
    if not is_same_alone(model, feed, rows):
        raise BatchDependenceError("a row comes out differently in a batch than alone")


def _refuse_dependence(model: Model, feed: Feed) -> None:
    if not is_batch_invariant(model, feed):
        raise BatchDependenceError("a row comes out differently with other rows in the batch")


def _tried(model: Model, rows: int, alone: float) -> Feed | None:
    """So many rows that have had their first run; None where a run of them takes too long, or too much memory."""
    if alone * rows > MAX_GAIN * MAX_RUN_NS or _synthetic_bytes(model, rows) > MAX_BYTES:
        return None
    feed = synthetic_rows(model, rows)
    return feed if _cost(model, feed, rows) * rows <= MAX_RUN_NS else None


def _synthetic_bytes(model: Model, rows: int) -> int:
    """What `synthetic_rows` needs at its peak: for each number 32 bits, twice, a float, and the final value."""
    return sum(prod(likely_shape(tensor, rows)) * 24 for tensor in model.required_inputs.values())


def _pays(model: Model, smaller: Batch, larger: Batch, gain: float) -> bool:
    """Whether a row costs so much less in the larger batch, as most comparisons of one run with either say.

    A machine whose speed changes meanwhile spoils the comparison in which it does so, not those before and after.
    """
    votes = {True: 0, False: 0}
    while max(votes.values()) <= COMPARISONS // 2:
        votes[_cost(model, *smaller) >= _cost(model, *larger) * gain] += 1
    return votes[True] > votes[False]


def _cost(model: Model, feed: Feed, rows: int) -> float:
    """Nanoseconds per row of one run.

    Processor time where that is all: other load on the machine then cannot hide what a batch gains.
    """
    clock = thread_time_ns if model.runs_in_calling_thread else perf_counter_ns
    began = clock()
    model.compute(model.output_names, feed, trial=True)
    return (clock() - began) / rows
