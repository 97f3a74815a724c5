"""What happened since the last look: totals of all workers, cut into the contract's windows."""

import time

from scoring.contract import BUCKETS, Window
from scoring.settings import Replica
from scoring.telemetry import CODES, FIRST_CODE, HEAD, LATENCY, QUEUE, CounterFile


class Cutter:
    """Cuts windows one after another; their numbers only grow, also over restarts in the same run folder."""

    def __init__(self, replica: Replica, file: CounterFile) -> None:
        self._replica = replica
        self._file = file
        self._before = file.totals()
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
            codes=_sparse(grown, HEAD, CODES, FIRST_CODE),
            latency=_sparse(grown, LATENCY, BUCKETS),
            queue=_sparse(grown, QUEUE, BUCKETS),
            cpu=round(cpu, 4),
            memory=memory,
        )
        self._before, self._began, self._steady = totals, now, steady
        return window


def _sparse(cells: list[int], first: int, count: int, base: int = 0) -> dict[str, int]:
    return {str(index + base): value for index, value in enumerate(cells[first : first + count]) if value > 0}
