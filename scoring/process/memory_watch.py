"""What a replica's processes hold of the memory, looked at the oftener the nearer it comes to the limit.

Address space that is only reserved does not count: libraries reserve far more than they touch. Resident memory is cheap
to read and counts shared pages in every process; where its sum exceeds the limit the exact figure is read, in which
they count once.
"""

import os
import time
from collections.abc import Collection

from scoring.process.process_tree import branches
from scoring.process.process_usage import Usage

SAMPLE_SECONDS = 0.25
QUICKEST_SECONDS = 0.03
TREE_SECONDS = 1.0  # how often processes that a script has started are looked for while there is room
EXACT_SECONDS = 1.0  # how long an exact figure holds while nothing grows: it costs milliseconds for each process


class Memory:
    """`used` is in bytes, of the master and all below it at the last look. Without a `limit` it only measures."""

    def __init__(self, limit: int | None, usage: Usage) -> None:
        self.used = 0
        self._limit = limit
        self._usage = usage
        self._branches: dict[int, list[int]] = {}
        self._walked = self._looked = 0.0  # monotonic seconds
        self._exact = (0.0, 0, 0)  # when (monotonic seconds), what was resident then, and what was really used

    def look(self, workers: Collection[int]) -> float:
        """Measure; gives the seconds until the next look."""
        now, before = time.monotonic(), self.used
        if self._must_walk(workers, now):
            self._walk(workers)
        self.used = self._measured(sum(self._usage.resident().values()), now)
        grown = (self.used - before) / max(now - self._looked, 0.001)
        self._looked = now
        return SAMPLE_SECONDS if self._limit is None else pause_before(self._limit - self.used, grown)

    def by_branch(self, workers: Collection[int]) -> dict[int, int]:
        """Bytes at this moment of each process right below the master, with all that it has started itself."""
        self._walk(workers)
        sizes = self._usage.proportional_each()
        return {child: sum(sizes.get(pid, 0) for pid in pids) for child, pids in self._branches.items()}

    def branch(self, child: int) -> list[int]:
        """The process and all that it has started."""
        return self._branches.get(child, [child])

    def _walk(self, workers: Collection[int]) -> None:
        self._branches, self._walked = branches(workers), time.monotonic()
        self._usage.follow([os.getpid(), *(pid for pids in self._branches.values() for pid in pids)])

    def _must_walk(self, workers: Collection[int], now: float) -> bool:
        crowded = self._limit is not None and self.used > self._limit // 2
        return crowded or now - self._walked >= TREE_SECONDS or not self._branches.keys() >= set(workers)

    def _measured(self, resident: int, now: float) -> int:
        if self._limit is None or resident <= self._limit:
            return resident
        read_at, resident_then, used_then = self._exact
        at_most = used_then + max(resident - resident_then, 0)
        if read_at and now - read_at < EXACT_SECONDS and at_most <= self._limit:
            return at_most
        exact = sum(self._usage.proportional_each().values())
        self._exact = (now, resident, exact)
        return exact


def pause_before(left: int, grown: float) -> float:
    """Seconds until the next look: half of those in which `left` bytes fill up, at `grown` bytes a second."""
    if grown <= 0:
        return SAMPLE_SECONDS
    return min(max(left / grown / 2, QUICKEST_SECONDS), SAMPLE_SECONDS)
