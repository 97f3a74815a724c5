"""The queues of background work, and how many processes of this machine work on each."""

import os
from typing import Final

QUICK: Final = "quick"  # steps of milliseconds to seconds: reconcile, ticks
HEAVY: Final = "heavy"  # inspections
BUILDS: Final = "builds"  # apart from inspections, so that no deployment stands behind a hundred uploads
LONG: Final = "long"  # minutes alone on the machine: what is measured, which anything beside it would disturb
QUEUES = (QUICK, HEAVY, BUILDS, LONG)
_MOST_INSPECTIONS = 2  # at a time: each may take a core, and as much memory as an inspection may have


def processes(queue: str) -> int:
    """How many pieces of work of `queue` are done at a time; SLIPWAY_<QUEUE>_PROCESSES says otherwise."""
    usual = min(_MOST_INSPECTIONS, _cores()) if queue == HEAVY else 1
    return int(os.environ.get(f"SLIPWAY_{queue.upper()}_PROCESSES", usual))


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
