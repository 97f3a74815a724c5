"""Cuts telemetry windows: the differences between the workers' totals at two moments."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from scoring.contract import BUCKETS, KEYS, METRICS, Window
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
    CounterFile,
    by_code,
    by_key,
    by_rows,
)

# Parts of the time spent: where their sum stands, and how many of its units make a microsecond.
SPENT = {
    "total": (LATENCY_SUM, 1),
    "queue": (QUEUE_SUM, 1),
    "decode": (DECODE_SUM, 1000),
    "infer": (INFER_SUM, 1000),
    "encode": (ENCODE_SUM, 1000),
}


# How counters that have their cells in places of their own are read, and where such histograms begin.
COUNTERS: dict[str, Callable[[list[int]], Mapping[Any, int]]] = {
    "codes": by_code,
    "keys": lambda cells: {name: sum(by_key(cells, key).values()) for key, name in enumerate(KEYS)},
    "spent": lambda cells: {part: cells[cell] // unit for part, (cell, unit) in SPENT.items()},
    "rows": by_rows,
}
HISTOGRAMS = {"latency": LATENCY, "queue": QUEUE, "infer": INFER}


class WindowCutter:
    """Cuts windows one after another; their numbers only grow, also over restarts in the same run folder."""

    def __init__(self, replica: Replica, file: CounterFile) -> None:
        self._replica = replica
        self._file = file
        self._previous = [0] * file.size  # the workers may have answered before this was called
        self._started = time.time()
        self._started_monotonic = time.monotonic()
        self._events: dict[str, int] = {}  # the workers may have answered before this was called
        self._sequence = 0

    def cut(self, cpu: float, memory: int) -> Window:
        """The window from the last cut to now; `cpu` in cores on average, `memory` in bytes."""
        totals, now, steady = self._file.totals(), time.time(), time.monotonic()
        added = [after - before for before, after in zip(self._previous, totals, strict=True)]
        events = self._file.events()
        noted = {name: count - self._events.get(name, 0) for name, count in events.items()}
        self._events = events
        self._sequence = max(self._sequence + 1, int(now * 1000))
        window = Window(
            revision=self._replica.run.revision,
            replica=self._replica.run.replica,
            sequence=self._sequence,
            start=self._started,
            seconds=round(max(steady - self._started_monotonic, 0.001), 3),
            counters=self._each("counter", lambda name: _nonzero(self._counts(name, added)))
            | ({"events": _nonzero(noted)} if any(noted.values()) else {}),
            histograms=self._each("histogram", lambda name: self._histogram(name, added)),
            gauges={"cpu": round(cpu, 4), "memory": memory} | self._gauges(totals),
        )
        self._previous, self._started, self._started_monotonic = totals, now, steady
        return window

    def _each(self, kind: str, read: Callable[[str], dict[str, int]]) -> dict[str, dict[str, int]]:
        """What `read` gives for the metrics of that kind; what is empty is left out."""
        found = {name: read(name) for name, metric in METRICS.items() if metric.kind == kind}
        return {name: counts for name, counts in found.items() if counts}

    def _counts(self, name: str, cells: list[int]) -> Mapping[Any, int]:
        if name in COUNTERS:
            return COUNTERS[name](cells)
        return {label: cells[place] for (metric, label), place in self._file.places.items() if metric == name}

    def _histogram(self, name: str, cells: list[int]) -> dict[str, int]:
        first = HISTOGRAMS[name] if name in HISTOGRAMS else self._file.places[name, ""]
        return _nonzero(dict(enumerate(cells[first : first + BUCKETS])))

    def _gauges(self, cells: list[int]) -> dict[str, int]:
        return {name: cells[place] for (name, _), place in self._file.places.items() if METRICS[name].kind == "gauge"}


def _nonzero(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items() if count > 0}
