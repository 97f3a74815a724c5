"""What happens when too many connections are open: one that is slow or idle is closed for a new one."""

from collections.abc import Iterable
from time import monotonic

from scoring.http.connection import Connection

SLOW_REQUEST_SECONDS = 2.0  # a request that takes longer to arrive may be given up for another
IDLE_SECONDS = 1.0


def evict_one(connections: Iterable[Connection]) -> bool:
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
