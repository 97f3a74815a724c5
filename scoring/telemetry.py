"""Counters that every worker writes and the master reads: a file of 64-bit integers, mapped into all of them.

The file holds one region for the master and one for each worker; a region has a single writer, so that
nothing is locked, and it outlives a worker that crashes. Times are microseconds, in the contract's buckets.
"""

import mmap
import os
from pathlib import Path

from scoring.contract import BUCKETS, bucket_of
from scoring.work import Laps

HEAD = 16
CODES = 500  # HTTP status 100 to 599
FIRST_CODE = 100
LATENCY = HEAD + CODES
QUEUE = LATENCY + BUCKETS
REGION = QUEUE + BUCKETS

# Head of a worker's region.
CONNECTIONS, WAITING, LATENCY_SUM, QUEUE_SUM, RUN_SUM, PID = range(6)
# Head of the master's region.
MEMORY, CPU_MILLISECONDS, RESTARTS = range(3)
NOT_SERVING = 1 << 40  # connections of a worker that accepts none

_TABLE = [bucket_of(value) for value in range(4096)]  # most requests take less: a look-up instead of arithmetic


def create(path: Path, workers: int) -> "CounterFile":
    """A fresh file with zeroed regions; an older one stays with whoever still maps it."""
    scratch = path.with_suffix(".new")
    scratch.write_bytes(bytes(8 * REGION * (workers + 1)))
    os.replace(scratch, path)
    return CounterFile(path)


class CounterFile:
    """The mapped file. Region 0 is the master's, region `slot + 1` that of worker `slot`."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.cells = memoryview(self._map).cast("q")
        self.workers = len(self.cells) // REGION - 1

    def region(self, number: int) -> memoryview:
        return self.cells[number * REGION : (number + 1) * REGION]

    def connections(self) -> list[int]:
        """Open connections of every worker."""
        return [self.cells[(slot + 1) * REGION + CONNECTIONS] for slot in range(self.workers)]

    def totals(self) -> list[int]:
        """Every cell summed over the workers."""
        regions = [self.region(slot + 1).tolist() for slot in range(self.workers)]
        return [sum(column) for column in zip(*regions, strict=True)]


class Counters:
    """What one worker counts. `record` is called for every scoring request and costs well under a microsecond."""

    def __init__(self, file: CounterFile, slot: int) -> None:
        self.file = file
        self.cells = file.region(slot + 1)
        self.cells[PID] = os.getpid()
        self.cells[CONNECTIONS] = 0
        self.cells[WAITING] = 0

    def record(self, status: int, latency: int, queued: int, laps: Laps) -> None:
        """One answered request: HTTP status, microseconds in all and waiting, and the laps of the rest."""
        cells = self.cells
        cells[HEAD - FIRST_CODE + status] += 1
        cells[LATENCY + (_TABLE[latency] if 0 <= latency < 4096 else bucket_of(latency))] += 1
        cells[QUEUE + (_TABLE[queued] if 0 <= queued < 4096 else bucket_of(queued))] += 1
        cells[LATENCY_SUM] += latency
        cells[QUEUE_SUM] += queued
        cells[RUN_SUM] += laps.infer // 1000
