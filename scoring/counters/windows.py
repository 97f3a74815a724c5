"""What happened since the last look: totals of all workers, cut into the contract's windows."""

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


class Cutter:
    """Cuts windows one after another; their numbers only grow, also over restarts in the same run folder."""

    def __init__(self, replica: Replica, file: CounterFile) -> None:
        self._replica = replica
        self._file = file
        self._before = [0] * REGION  # the workers may have answered before this was called
        self._began = time.time()
        self._steady = time.monotonic()
        self._sequence = 0

    def cut(self, cpu: float, memory: int) -> Window:
        """The window from the last cut to now; `cpu` in cores on average, `memory` in bytes."""
        totals, now, steady = self._file.totals(), time.time(), time.monotonic()
        grown = [after - before for before, after in zip(self._before, totals, strict=True)]
        self._sequence = max(self._sequence + 1, int(now * 1000))
        window = Window(
            revision=self._replica.run.revision,
            replica=self._replica.run.replica,
            sequence=self._sequence,
            start=self._began,
            seconds=round(max(steady - self._steady, 0.001), 3),
            codes=_named(by_code(grown)),
            latency=_sparse(grown, LATENCY),
            queue=_sparse(grown, QUEUE),
            cpu=round(cpu, 4),
            memory=memory,
            keys=_named({name: sum(by_key(grown, key).values()) for key, name in enumerate(KEYS)}),
            infer=_sparse(grown, INFER),
            spent=_named({part: grown[cell] // unit for part, (cell, unit) in SPENT.items()}),
            rows=_named(by_rows(grown)),
        )
        self._before, self._began, self._steady = totals, now, steady
        return window


def _sparse(cells: list[int], first: int) -> dict[str, int]:
    return _named(dict(enumerate(cells[first : first + BUCKETS])))


def _named(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items() if count > 0}
