"""Who gets a request: the slot of a service's split, and the replica of a revision."""

from collections.abc import Sequence
from random import random

from scoring.front.state import Replica
from scoring.front_contract import SLOTS

NO_LIMIT = 1 << 62


def random_slot() -> int:
    """The slot of a request without a sticky value."""
    return int(random() * SLOTS)  # noqa: S311 - a share of traffic, no secret


class LeastBusy:
    """Picks the replica with the fewest requests; equal ones take turns."""

    def __init__(self) -> None:
        self._turn = 0

    def pick(self, replicas: Sequence[Replica], limit: int | None = None) -> Replica | None:
        """None where there is none, or all have `limit` requests."""
        count = len(replicas)
        if not count:
            return None
        self._turn = first = (self._turn + 1) % count
        best, least = None, NO_LIMIT if limit is None else limit
        for number in range(first, first + count):
            replica = replicas[number % count]
            if replica.busy < least:
                best, least = replica, replica.busy
        return best
