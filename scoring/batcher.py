"""Adaptive batching: requests that wait for the same model share a run. Nothing waits for company, unless told to.

A runner that becomes free takes its share of what waits; what cannot share a run, or fails in it, is run alone.
"""

import time
from collections import deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from scoring.contract import Batching
from scoring.errors import gone
from scoring.forms import Asked
from scoring.padding import Padding
from scoring.session import OnnxModel

if TYPE_CHECKING:
    from scoring.job import Job

LOOK_AGAIN_SECONDS = 0.0005  # while a configured delay lasts
Done = list[tuple["Job", Any]]
Member = tuple["Job", Asked]


class Batcher:
    """The waiting requests of one model. The loop appends to `pending`, runners take from it."""

    def __init__(self, model: OnnxModel, most_rows: int, options: Batching | None = None) -> None:
        options = options or Batching()
        self.model = model
        self.most_rows = most_rows
        self.pending: deque[Job] = deque()
        self._delay = int(options.delay_seconds * 1e9)
        self._padding = Padding(model, options.pad)

    def gather(self, first: "Job", idle: int) -> list["Job"]:
        """`first`, which is claimed, and claimed others: what waits is shared among the idle runners, this one too."""
        pending, group = self.pending, [first]
        if self._delay:
            self._wait_for_company(first)
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

    def _wait_for_company(self, first: "Job") -> None:
        end = first.request.arrived + self._delay
        while len(self.pending) < self.most_rows and perf_counter_ns() < end:
            time.sleep(LOOK_AGAIN_SECONDS)

    def run(self, jobs: list["Job"]) -> Done:
        """Answer claimed jobs: those of the same shapes together, whatever fails alone."""
        done: Done = []
        groups: dict[Any, list[Member]] = {}
        for job in jobs:
            if job.gone():
                done.append((job, gone()))
                continue
            began = perf_counter_ns()
            try:
                asked = job.work.form.decode(job.request)  # type: ignore[attr-defined]
            except Exception as error:
                done.append((job, error))
                continue
            job.laps.decode = perf_counter_ns() - began
            groups.setdefault(self._padding.kind(asked), []).append((job, asked))
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
            feed = self._padding.join([one for _, one in members])
            results = self.model.compute(asked.names, feed)
        except Exception:  # one of them is to blame: each by itself, so that only that one fails
            return [self._run_alone(job, one) for job, one in members]
        took, total = perf_counter_ns() - began, sum(_rows(one) for _, one in members)
        done, first = [], 0
        for job, one in members:
            job.laps.infer, job.laps.rows = took, total
            job.laps.follows = first > 0
            last = first + _rows(one)
            done.append((job, _encode(job, one, self._padding.cut(one, results, first, last))))
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
