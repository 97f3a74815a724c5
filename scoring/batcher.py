"""Adaptive batching: requests that wait for the same model share a run. Nothing waits for company.

A runner that becomes free takes its share of what waits. How many rows a run may have is found out when the
model is loaded; models whose rows do not get cheaper in company, or come out different, are never batched.
"""

from collections import deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.errors import ScoringError
from scoring.forms import Asked
from scoring.log import log
from scoring.session import OnnxModel

if TYPE_CHECKING:
    from scoring.job import Job

SIZES = (8, 16, 32, 64)  # rows tried, in this order
GAIN = 1.1  # a row in company must cost this much less than a row alone
MORE_GAIN = 1.04  # and in more company this much less again
LONGEST_NS = 250_000_000  # a shared run that takes longer makes its first request wait too long
FREE_DIMENSION = 32  # how long a free dimension is taken to be when nothing is known
TOLERANCE = 1e-3
Done = list[tuple["Job", Any]]
Member = tuple["Job", Asked]


class Batcher:
    """The waiting requests of one model. The loop appends to `pending`, runners take from it."""

    def __init__(self, model: OnnxModel, most_rows: int) -> None:
        self.model = model
        self.most_rows = most_rows
        self.pending: deque[Job] = deque()

    def gather(self, first: "Job", idle: int) -> list["Job"]:
        """`first`, which is claimed, and claimed others: what waits is shared among the idle runners, this one too."""
        pending, group = self.pending, [first]
        try:
            while pending[0].claimed:
                pending.popleft()
            share = min(self.most_rows, -(-(len(pending) + 1) // max(idle, 1)))
            while len(group) < share:
                job = pending.popleft()
                if job.claim():
                    group.append(job)
        except IndexError:
            pass  # nothing more waits
        return group

    def run(self, jobs: list["Job"]) -> Done:
        """Answer claimed jobs: those of the same shapes together, whatever fails alone."""
        done: Done = []
        groups: dict[Any, list[Member]] = {}
        for job in jobs:
            if job.gone():
                done.append((job, ScoringError(499, "gone", "The client went away before its turn.")))
                continue
            began = perf_counter_ns()
            try:
                asked = job.work.form.decode(job.request)  # type: ignore[attr-defined]
            except Exception as error:
                done.append((job, error))
                continue
            job.laps.decode = perf_counter_ns() - began
            groups.setdefault(_kind(asked), []).append((job, asked))
        for members in groups.values():
            for part in self._parts(members):
                done += self._run_together(part) if len(part) > 1 else [self._run_alone(*part[0])]
        return done

    def _parts(self, members: list[Member]) -> list[list[Member]]:
        """Cut where a run would have too many rows."""
        parts: list[list[Member]] = []
        rows = self.most_rows
        for member in members:
            count = _rows(member[1])
            if rows + count > self.most_rows:
                parts.append([])
                rows = 0
            parts[-1].append(member)
            rows += count
        return parts

    def _run_together(self, members: list[Member]) -> Done:
        asked = members[0][1]
        began = perf_counter_ns()
        try:
            feed = {name: np.concatenate([one.feed[name] for _, one in members]) for name in asked.feed}
            results = self.model.compute(asked.names, feed)
        except Exception:  # one of them is to blame: each by itself, so that only that one fails
            return [self._run_alone(job, one) for job, one in members]
        took, total = perf_counter_ns() - began, sum(_rows(one) for _, one in members)
        done, first = [], 0
        for job, one in members:
            job.laps.infer, job.laps.rows = took, total
            last = first + _rows(one)
            done.append((job, _encode(job, one, [result[first:last] for result in results])))
            first = last
        return done

    def _run_alone(self, job: "Job", asked: Asked) -> tuple["Job", Any]:
        began = perf_counter_ns()
        try:
            results = self.model.compute(asked.names, asked.feed, alone=job.laps.alone)
        except Exception as error:
            return job, error
        finally:
            job.laps.infer, job.laps.rows = perf_counter_ns() - began, _rows(asked)
        return job, _encode(job, asked, results)


def _encode(job: "Job", asked: Asked, results: list[Any]) -> Any:
    began = perf_counter_ns()
    try:
        return job.work.form.encode(asked, results)  # type: ignore[attr-defined]
    except Exception as error:
        return error
    finally:
        job.laps.encode = perf_counter_ns() - began


def _rows(asked: Asked) -> int:
    return len(next(iter(asked.feed.values())))


def _kind(asked: Asked) -> Any:
    """What requests must have in common to share a run: outputs, types, shapes but for the rows."""
    return tuple(asked.names), tuple((name, array.dtype.str, array.shape[1:]) for name, array in asked.feed.items())


def calibrate(model: OnnxModel) -> Batcher | None:
    """A batcher where sharing runs is worth it, with the most rows that are; None where it is not."""
    if not _takes_rows(model):
        return None
    try:
        most = _best_size(model)
    except ScoringError:
        return None  # made-up inputs are none for this model
    if most == 1:
        return None
    log(f"{model.name}:{model.version}: up to {most} rows share a run")
    return Batcher(model, most)


def _takes_rows(model: OnnxModel) -> bool:
    """Every input and output has a free first dimension."""
    shapes = [one.shape for one in model.inputs.values()] + [one.shape for one in model.outputs.values()]
    maps = any(one.is_maps for one in model.outputs.values())
    return bool(model.inputs) and not maps and all(shape and shape[0] == -1 for shape in shapes)


def _best_size(model: OnnxModel) -> int:
    feed = _made_up(model, SIZES[-1])
    alone = _cost(model, feed, 1)
    best, cheapest = 1, alone / GAIN * MORE_GAIN
    for size in SIZES:
        cost = _cost(model, feed, size)
        if cost * MORE_GAIN > cheapest or cost * size > LONGEST_NS:
            break
        best, cheapest = size, cost
    return best if best == 1 or _same(model, feed, best) else 1


def _made_up(model: OnnxModel, rows: int) -> dict[str, Any]:
    """Different rows of likely values: whole numbers are 0 or 1, as flags and small indices are."""
    chance = np.random.default_rng(0)
    feed = {}
    for tensor in model.inputs.values():
        shape = [rows, *(FREE_DIMENSION if size == -1 else size for size in (tensor.shape or ())[1:])]
        if tensor.datatype == "BYTES":
            feed[tensor.name] = np.full(shape, "", dtype=object)
        elif np.dtype(tensor.dtype).kind == "f":
            feed[tensor.name] = chance.random(shape).astype(tensor.dtype)
        else:
            feed[tensor.name] = chance.integers(0, 2, shape).astype(tensor.dtype)
    return feed


def _cost(model: OnnxModel, feed: dict[str, Any], rows: int) -> float:
    """Nanoseconds a row, the better of two runs after a first one."""
    part = {name: array[:rows] for name, array in feed.items()}
    model.compute(model.names, part)
    taken = []
    for _ in range(2):
        began = perf_counter_ns()
        model.compute(model.names, part)
        taken.append(perf_counter_ns() - began)
    return min(taken) / rows


def _same(model: OnnxModel, feed: dict[str, Any], rows: int) -> bool:
    """Whether rows come out of a shared run as they do alone."""
    together = model.compute(model.names, {name: array[:rows] for name, array in feed.items()})
    for row in (0, rows - 1):
        alone = model.compute(model.names, {name: array[row : row + 1] for name, array in feed.items()})
        for one, many in zip(alone, together, strict=True):
            if len(many) != rows or not np.allclose(one[0], many[row], rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
                return False
    return True
