"""What a driver reports of an instance: its replicas, and what they are together."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

State = Literal["absent", "starting", "ready", "unreachable", "stopping", "failed", "dead"]
STABLE_SECONDS = 60.0  # ready for so long, and the next crash counts as the first
LIVE = frozenset({"starting", "ready", "unreachable", "stopping"})
TELLING: tuple[State, ...] = ("ready", "unreachable", "starting", "stopping", "failed", "dead")  # first wins


@dataclass(frozen=True)
class Failure:
    """Why a replica is not up: one of scoring.contract.Reason, a sentence, the raw text behind it, a better hint."""

    reason: str
    message: str
    evidence: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Endpoint:
    """Where a replica answers by itself, whether it serves or not: a URL for HTTP, host:port for gRPC."""

    protocol: Literal["http", "grpc"]
    address: str


@dataclass(frozen=True)
class Replica:
    """One of the processes that an instance consists of. Replicas are numbered from 1. Times are epoch seconds;
    `restarts` counts starts after a crash, `started_at` tells one run from the next.

    absent: nothing runs, and nothing is wrong. starting: it lives but is not ready. ready: it says so and answers.
    unreachable: it said so but does not answer. stopping: asked to go. failed: it gave up and said why. dead: it ended
    without saying why.

    `serving`: it answers at the service's address. `connections`: still open there although it no longer serves.
    `walls`: the level of walls around its code (studio.sandbox.levels); `user`: as which user of the host it runs, None
    for the studio's; `readable`: folders of the host that it may read beyond its own. They are empty at targets that
    keep instances apart in ways of their own.
    """

    number: int
    state: State = "absent"
    revision: int | None = None
    endpoints: tuple[Endpoint, ...] = ()
    serving: bool = False
    connections: int = 0
    restarts: int = 0
    started_at: float | None = None
    ready_at: float | None = None
    ended_at: float | None = None
    failure: Failure | None = None
    walls: str = ""
    user: int | None = None
    readable: tuple[str, ...] = ()

    @property
    def is_live(self) -> bool:
        """Something is there, whatever it says of itself."""
        return self.state in LIVE

    @property
    def restarts_in_a_row(self) -> int:
        """Restarts that count; a run that was ready for `STABLE_SECONDS` wipes the slate."""
        quiet = (self.ended_at or 0.0) - self.ready_at if self.ready_at else 0.0
        return 0 if quiet >= STABLE_SECONDS else self.restarts

    def as_dict(self) -> dict[str, Any]:
        """Plain values that can be stored as JSON."""
        return asdict(self) | {"endpoints": list(map(asdict, self.endpoints)), "readable": list(self.readable)}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Self:
        """Read back what `as_dict` gave; keys of other makers are passed over."""
        known = {field.name: facts[field.name] for field in fields(cls) if field.name in facts}
        failure = known.get("failure")
        read = {
            "failure": Failure(**failure) if failure else None,
            "endpoints": tuple(Endpoint(**endpoint) for endpoint in known.get("endpoints", ())),
            "readable": tuple(known.get("readable", ())),
        }
        return cls(**known | read)


@dataclass(frozen=True)
class Observation:
    """What was found of an instance: its replicas in order of their numbers, those that have ended among them. Of a
    number that is missing nothing is there.

    The rest tells of all of them: `state` is that of the replica which stands best, `started_at` the latest start,
    `ready_at` and `ended_at` the latest too, `failure` that of the first replica which has one.
    """

    replicas: tuple[Replica, ...] = ()

    @classmethod
    def of_one(cls, state: State, **facts: Any) -> Self:
        """Of an instance whose only replica is so."""
        return cls((Replica(1, state, **facts),))

    def first(self, count: int) -> tuple[Replica, ...]:
        """Replicas 1 to `count`; those that are missing are absent."""
        found = {one.number: one for one in self.replicas}
        return tuple(found.get(number) or Replica(number) for number in range(1, count + 1))

    def beyond(self, count: int) -> tuple[Replica, ...]:
        """What lives with a higher number than `count`."""
        return tuple(one for one in self.replicas if one.number > count and one.is_live)

    def ready(self, count: int) -> int:
        """How many of the first `count` are ready."""
        return sum(one.state == "ready" for one in self.first(count))

    @property
    def state(self) -> State:
        states = {one.state for one in self.replicas}
        return next((state for state in TELLING if state in states), "absent")

    @property
    def is_live(self) -> bool:
        """Something is there, whatever it says of itself."""
        return any(one.is_live for one in self.replicas)

    @property
    def revision(self) -> int | None:
        return next((one.revision for one in self.replicas if one.revision is not None), None)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(endpoint for one in self.replicas for endpoint in one.endpoints)

    @property
    def serving(self) -> bool:
        """A replica answers at the service's address."""
        return any(one.serving for one in self.replicas)

    @property
    def connections(self) -> int:
        return sum(one.connections for one in self.replicas)

    @property
    def restarts(self) -> int:
        return sum(one.restarts for one in self.replicas)

    @property
    def started_at(self) -> float | None:
        return max((one.started_at for one in self.replicas if one.started_at is not None), default=None)

    @property
    def ready_at(self) -> float | None:
        return max((one.ready_at for one in self.replicas if one.ready_at is not None), default=None)

    @property
    def ended_at(self) -> float | None:
        return max((one.ended_at for one in self.replicas if one.ended_at is not None), default=None)

    @property
    def failure(self) -> Failure | None:
        return next((one.failure for one in self.replicas if one.failure is not None), None)

    @property
    def walls(self) -> str:
        return next((one.walls for one in self.replicas if one.walls), "")

    @property
    def user(self) -> int | None:
        return next((one.user for one in self.replicas if one.user is not None), None)

    @property
    def readable(self) -> tuple[str, ...]:
        return next((one.readable for one in self.replicas if one.readable), ())

    def as_dict(self) -> dict[str, Any]:
        """Plain values that can be stored as JSON. `state` and `serving` are told for those who read nothing else."""
        return {
            "state": self.state,
            "serving": self.serving,
            "replicas": [one.as_dict() for one in self.replicas],
        }

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Self:
        """Read back what `as_dict` gave, and what was stored before instances had several replicas."""
        if "replicas" in facts:
            return cls(tuple(Replica.from_dict(one) for one in facts["replicas"]))
        return cls() if facts.get("state", "absent") == "absent" else cls((Replica.from_dict({"number": 1} | facts),))


def without_ends(found: Observation, ended: Iterable[Replica]) -> Observation:
    """The observation without how these replicas ended: of each is left which run it was."""
    runs = {(one.number, one.started_at) for one in ended if not one.is_live}
    return Observation(
        tuple(
            Replica(one.number, started_at=one.started_at) if (one.number, one.started_at) in runs else one
            for one in found.replicas
        )
    )
