"""What happens when too many connections are open: one that is slow or idle is closed for a new one."""

from collections.abc import Iterable
from time import monotonic
from typing import Protocol

SLOW_REQUEST_SECONDS = 2.0  # a request that takes longer to arrive may be given up for another
IDLE_SECONDS = 1.0


class Evictable(Protocol):
    """`started`: when its unfinished request began, 0 between requests; `is_active`: it waits for a response."""

    last_active: float

    @property
    def is_active(self) -> bool: ...

    @property
    def started(self) -> float: ...

    def abort(self) -> None: ...


def evict_one(connections: Iterable[Evictable]) -> bool:
    """Close the connection whose request has been arriving longest, else the one idle longest; False if none is."""
    now = monotonic()
    candidates = [one for one in connections if not one.is_active]
    slow = [one for one in candidates if one.started and now - one.started > SLOW_REQUEST_SECONDS]
    idle = [one for one in candidates if not one.started and now - one.last_active > IDLE_SECONDS]
    if slow:
        min(slow, key=lambda one: one.started).abort()
    elif idle:
        min(idle, key=lambda one: one.last_active).abort()
    return bool(slow or idle)
