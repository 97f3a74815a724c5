"""What the front knows of replicas and revisions beyond the routing file. It outlives changes of the file."""

from collections import deque
from time import monotonic, time
from typing import TYPE_CHECKING

from scoring.contract import BUCKETS
from scoring.front.eject import Health
from scoring.front_contract import FrontReplica

if TYPE_CHECKING:
    from scoring.front.exchange import Exchange
    from scoring.front.upstream import Upstream


class Replica:
    """A replica: its connections that wait for use, newest last, and how many requests it has."""

    __slots__ = ("address", "broken", "busy", "gone", "health", "id", "idle", "owner")

    def __init__(self, found: FrontReplica) -> None:
        self.id = found.id
        self.address = found.address
        self.owner = found.owner
        self.busy = 0
        self.broken = 0  # requests in a row that it dropped
        self.idle: list[Upstream] = []
        self.health = Health()
        self.gone = False  # no longer in the routing file

    def leave(self) -> None:
        """It is in the routing file no more: requests under way end, nothing new comes."""
        self.gone = True
        for connection in self.idle:
            connection.close()
        self.idle.clear()


class Revision:
    """A revision that gets traffic. `ready`: its replicas that are not ejected; `waiting`: requests for one of them."""

    __slots__ = (
        "answer_lines", "counts", "load", "number", "ready", "removed", "replicas", "service", "waiting",
        "woke_at",
    )  # fmt: skip

    def __init__(self, service: int, number: int) -> None:
        self.service = service
        self.number = number
        self.answer_lines = b"\r\nx-slipway-revision: %d" % number
        self.replicas: list[Replica] = []
        self.ready: list[Replica] = []
        self.waiting: deque[Exchange] = deque()
        self.removed = False
        self.woke_at = 0.0  # when the first replica became ready for requests that waited, monotonic
        self.load = Load()
        self.counts = Counts()

    def sort_out(self) -> None:
        """Renew `ready` after a replica came, went, was ejected or came back."""
        slept = not self.ready
        self.ready = [one for one in self.replicas if not one.health.ejected]
        if slept and self.ready and self.waiting:
            self.woke_at = monotonic()


class Load:
    """What a revision had to do since the last report. The time at replicas is the sum of ends minus that of begins."""

    __slots__ = ("answered", "arrivals", "at_replicas", "began", "busy", "last_request", "spent")

    def __init__(self) -> None:
        self.arrivals = self.at_replicas = self.answered = 0
        self.busy = self.spent = 0.0
        self.began = monotonic()
        self.last_request = 0.0  # monotonic; 0: none yet

    def start(self, now: float) -> None:
        """A request goes to a replica."""
        self.at_replicas += 1
        self.busy -= now

    def end(self, now: float, sent: float) -> None:
        """It is at the replica no more."""
        self.at_replicas -= 1
        self.busy += now
        self.answered += 1
        self.spent += now - sent

    def take(self, now: float) -> tuple[float, float, int, float | None]:
        """Seconds since the last call, mean requests at replicas, arrivals, mean seconds at a replica; begins anew."""
        seconds = max(now - self.began, 1e-6)
        busy = (self.busy + self.at_replicas * now) / seconds
        found = seconds, max(busy, 0.0), self.arrivals, self.spent / self.answered if self.answered else None
        self.busy, self.began = -self.at_replicas * now, now
        self.arrivals = self.answered = 0
        self.spent = 0.0
        return found


class Counts:
    """Answers of a revision since `began` (epoch seconds): by status, kind of key, and bucket of latency. Of copies of
    requests that it got: how they ended, the microseconds of both answers, and distances (scoring.contract.METRICS)."""

    __slots__ = ("began", "codes", "copies", "copy_time", "distances", "keys", "latency")

    def __init__(self, began: float | None = None) -> None:
        self.began = time() if began is None else began
        self._clear()

    def take(self, now: float) -> "Counts":
        """What was counted so far; begins anew."""
        taken = Counts(self.began)
        for name in COUNTED:
            setattr(taken, name, getattr(self, name))
        self.began = now
        self._clear()
        return taken

    def _clear(self) -> None:
        self.codes: dict[int, int] = {}
        self.keys = [0, 0, 0, 0]
        self.latency = [0] * BUCKETS
        self.copies: dict[str, int] = {}
        self.copy_time: dict[str, int] = {}
        self.distances: dict[str, int] = {}


COUNTED = tuple(name for name in Counts.__slots__ if name != "began")
