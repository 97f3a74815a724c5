"""Cuts telemetry windows: the differences between the workers' totals at two moments."""

import time
from collections.abc import Mapping
from typing import Any

from scoring.contract import BUCKETS, KEYS, Window
from scoring.core.settings import Replica
from scoring.counters.telemetry import (
    DECODE_SUM,
    ENCODE_SUM,
    INFER,
    INFER_SUM,
    LATENCY,
    LATENCY_SUM,
    QUEUE,
    QUEUE_SUM,
    REGION,
    CounterFile,
    by_code,
    by_key,
    by_rows,
)

# Parts of `Window.spent`: where their sum stands, and how many of its units make a microsecond.
SPENT = {
    "total": (LATENCY_SUM, 1),
    "queue": (QUEUE_SUM, 1),
    "decode": (DECODE_SUM, 1000),
    "infer": (INFER_SUM, 1000),
    "encode": (ENCODE_SUM, 1000),
}


class WindowCutter:
    """Cuts windows one after another; their numbers only grow, also over restarts in the same run folder."""

    def __init__(self, replica: Replica, file: CounterFile) -> None:
        self._replica = replica
        self._file = file
        self._previous = [0] * REGION  # the workers may have answered before this was called
        self._started = time.time()
        self._started_monotonic = time.monotonic()
        self._sequence = 0

    def cut(self, cpu: float, memory: int) -> Window:
        """The window from the last cut to now; `cpu` in cores on average, `memory` in bytes."""
        totals, now, steady = self._file.totals(), time.time(), time.monotonic()
        added = [after - before for before, after in zip(self._previous, totals, strict=True)]
        self._sequence = max(self._sequence + 1, int(now * 1000))
        window = Window(
            revision=self._replica.run.revision,
            replica=self._replica.run.replica,
            sequence=self._sequence,
            start=self._started,
            seconds=round(max(steady - self._started_monotonic, 0.001), 3),
            codes=_nonzero(by_code(added)),
            latency=_sparse_histogram(added, LATENCY),
            queue=_sparse_histogram(added, QUEUE),
            cpu=round(cpu, 4),
            memory=memory,
            keys=_nonzero({name: sum(by_key(added, key).values()) for key, name in enumerate(KEYS)}),
            infer=_sparse_histogram(added, INFER),
            spent=_nonzero({part: added[cell] // unit for part, (cell, unit) in SPENT.items()}),
            rows=_nonzero(by_rows(added)),
        )
        self._previous, self._started, self._started_monotonic = totals, now, steady
        return window


def _sparse_histogram(cells: list[int], first: int) -> dict[str, int]:
    return _nonzero(dict(enumerate(cells[first : first + BUCKETS])))


def _nonzero(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items() if count > 0}
