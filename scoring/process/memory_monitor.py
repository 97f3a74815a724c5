"""The memory of a replica's processes, sampled more often the closer it comes to the limit.

Address space that is only reserved does not count: libraries reserve far more than they touch. Resident memory is cheap
to read and counts shared pages in every process; where its sum exceeds the limit the exact figure is read, in which
they count once.
"""

import os
import time
from collections.abc import Collection

from scoring.process.process_tree import subtrees
from scoring.process.process_usage import ProcessUsage

SAMPLE_SECONDS = 0.25
MIN_SAMPLE_SECONDS = 0.03
FIND_SECONDS = 1.0  # between searches for processes that a script has started, while memory is not short
EXACT_SECONDS = 1.0  # how long an exact figure holds while nothing grows: it costs milliseconds for each process


class MemoryMonitor:
    """`used` is in bytes, of the master and all below it at the last sample. Without a `limit` it only measures."""

    def __init__(self, limit: int | None, usage: ProcessUsage) -> None:
        self.used = 0
        self._limit = limit
        self._usage = usage
        self._subtrees: dict[int, list[int]] = {}
        self._found_at = self._sampled_at = 0.0  # monotonic seconds
        self._exact = (0.0, 0, 0)  # when (monotonic seconds), what was resident then, and what was really used

    def sample(self, workers: Collection[int]) -> float:
        """Measure; gives the seconds until the next sample."""
        now, before = time.monotonic(), self.used
        if self._must_find_processes(workers, now):
            self._find_processes(workers)
        self.used = self._measured(sum(self._usage.resident().values()), now)
        growth = (self.used - before) / max(now - self._sampled_at, 0.001)
        self._sampled_at = now
        return SAMPLE_SECONDS if self._limit is None else delay_before(self._limit - self.used, growth)

    def by_subtree(self, workers: Collection[int]) -> dict[int, int]:
        """Bytes at this moment of each process right below the master, with all that it has started itself."""
        self._find_processes(workers)
        sizes = self._usage.proportional_each()
        return {child: sum(sizes.get(pid, 0) for pid in pids) for child, pids in self._subtrees.items()}

    def subtree(self, child: int) -> list[int]:
        """The process and all that it has started."""
        return self._subtrees.get(child, [child])

    def _find_processes(self, workers: Collection[int]) -> None:
        self._subtrees, self._found_at = subtrees(workers), time.monotonic()
        self._usage.track([os.getpid(), *(pid for pids in self._subtrees.values() for pid in pids)])

    def _must_find_processes(self, workers: Collection[int], now: float) -> bool:
        is_near_limit = self._limit is not None and self.used > self._limit // 2
        return is_near_limit or now - self._found_at >= FIND_SECONDS or not self._subtrees.keys() >= set(workers)

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


def delay_before(left: int, growth: float) -> float:
    """Seconds until the next sample: half of those in which `left` bytes fill up, at `growth` bytes a second."""
    if growth <= 0:
        return SAMPLE_SECONDS
    return min(max(left / growth / 2, MIN_SAMPLE_SECONDS), SAMPLE_SECONDS)
