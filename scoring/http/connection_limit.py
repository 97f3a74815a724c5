"""What happens when too many connections are open: some that are slow or idle are closed for new ones."""

from collections.abc import Iterable
from heapq import nsmallest
from time import monotonic
from typing import Protocol

SLOW_REQUEST_SECONDS = 2.0  # a request that takes longer to arrive may be given up for another
IDLE_SECONDS = 1.0


class Evictable(Protocol):
    """`started`: when its unfinished request began, 0 between requests; `is_active`: it waits for a response;
    `is_fresh`: it has not asked for anything yet."""

    last_active: float

    @property
    def is_active(self) -> bool: ...

    @property
    def is_fresh(self) -> bool: ...

    @property
    def started(self) -> float: ...

    def abort(self) -> None: ...


def evict(connections: Iterable[Evictable], most: int = 1) -> int:
    """Close up to so many connections: those whose request has been arriving longest, else those idle longest, first
    those that have never asked for anything. How many were closed."""
    now = monotonic()
    candidates = [one for one in connections if not one.is_active]
    slow = [one for one in candidates if one.started and now - one.started > SLOW_REQUEST_SECONDS]
    idle = [one for one in candidates if not one.started and now - one.last_active > IDLE_SECONDS]
    closed = nsmallest(most, slow, key=lambda one: one.started)
    closed += nsmallest(most - len(closed), idle, key=lambda one: (not one.is_fresh, one.last_active))
    for one in closed:
        one.abort()
    return len(closed)
