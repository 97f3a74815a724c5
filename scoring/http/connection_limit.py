"""What happens when too many connections are open: those that do nothing make room for those that may."""

from collections.abc import Iterable
from time import monotonic

from scoring.http.protocol import Connection

DAWDLING_SECONDS = 2.0  # a request that takes longer to arrive may be given up for another
IDLE_SECONDS = 1.0


def make_room(connections: Iterable[Connection]) -> bool:
    """Close one connection that keeps a request coming for long, or else has been idle longest; False if none is."""
    now = monotonic()
    quiet = [one for one in connections if not one.is_wanted]
    dawdling = [one for one in quiet if one.started and now - one.started > DAWDLING_SECONDS]
    idle = [one for one in quiet if not one.started and now - one.heard > IDLE_SECONDS]
    if dawdling:
        min(dawdling, key=lambda one: one.started).abort()
    elif idle:
        min(idle, key=lambda one: one.heard).abort()
    return bool(dawdling or idle)
