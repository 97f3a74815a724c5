"""The contract of every target driver, and what a driver reports.

A driver is made for one target. It sees `InstanceSpec`s and nothing else of the studio. Its verbs are steps, not
waits: each returns at once, may be called again at any time, by any driver of the same target, and converges when it
is called again after a crash at any line.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

if TYPE_CHECKING:  # only for the types: drivers get the specification handed in
    from deployments.recipe.spec import InstanceRef, InstanceSpec

State = Literal["absent", "starting", "ready", "unreachable", "stopping", "failed", "dead"]
STABLE_SECONDS = 60.0  # ready for so long, and the next crash counts as the first
LOG_CHUNK = 64 * 1024  # bytes of log in one answer


@dataclass(frozen=True)
class TargetRef:
    """The target that a driver is made for: its settings are complete, and secret ones are there in plain text."""

    target_id: int
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)


class TargetRow(Protocol):
    """What is read of a row of the table of targets. `changed_at`: when its settings last changed."""

    pk: int
    kind: str
    changed_at: datetime

    @property
    def all_settings(self) -> dict[str, Any]:
        """Plain and secret ones."""


class Obstacle(Exception):
    """Something at the target is in the way; the message names it. `code` is that of the cause to show."""

    code: ClassVar[str]


class NoRoom(Obstacle):
    """The target cannot place the instance now; the message names what is missing."""

    code = "no_room"


class NotRemoved(Obstacle):
    """Something of the instance cannot be removed; the message names it."""

    code = "not_removed"


class NotBuilt(Obstacle):
    """What was built for it is not on the machine that starts it; the message names what is missing."""

    code = "not_built"


class WallsMissing(Obstacle):
    """User code may not be started behind less than the settings require; the message says what is missing."""

    code = "walls_missing"


class TargetUnavailable(Exception):
    """The target does not answer; trying again later may help."""


@dataclass(frozen=True)
class Failure:
    """Why an instance is not up: one of scoring.contract.Reason, a sentence, the raw text behind it, a better hint."""

    reason: str
    message: str
    evidence: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Endpoint:
    """Where an instance answers by itself, whether it serves or not: a URL for HTTP, host:port for gRPC."""

    protocol: Literal["http", "grpc"]
    address: str


@dataclass(frozen=True)
class Route:
    """The address of a service, and the instance that is to answer there.

    `host`, `port` and `grpc_port` are given for targets whose kind needs ports. Without an instance only the address is
    made known, and who answers there stays.
    """

    service_id: int
    host: str = ""
    port: int | None = None
    grpc_port: int | None = None
    instance: "InstanceRef | None" = None


@dataclass(frozen=True)
class Observation:
    """What a driver found of an instance. Times are epoch seconds; `restarts` counts starts after a crash,
    `started_at` tells one run from the next.

    absent: nothing runs, and nothing is wrong. starting: it lives but is not ready. ready: it says so and answers.
    unreachable: it said so but does not answer. stopping: asked to go. failed: it gave up and said why. dead: it ended
    without saying why.

    `serving`: it answers at the service's address. `connections`: still open there although it no longer serves.
    `walls`: the level of walls around its code (studio.sandbox.levels); `user`: as which user of the host it runs, None
    for the studio's; `readable`: folders of the host that it may read beyond its own. They are empty at targets that
    keep instances apart in ways of their own.
    """

    state: State
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
        return self.state in {"starting", "ready", "unreachable", "stopping"}

    @property
    def restarts_in_a_row(self) -> int:
        """Restarts that count; a run that was ready for `STABLE_SECONDS` wipes the slate."""
        quiet = (self.ended_at or 0.0) - self.ready_at if self.ready_at else 0.0
        return 0 if quiet >= STABLE_SECONDS else self.restarts

    def as_dict(self) -> dict[str, Any]:
        """Plain values that can be stored as JSON."""
        endpoints = [asdict(endpoint) for endpoint in self.endpoints]
        return asdict(self) | {"endpoints": endpoints, "readable": list(self.readable)}  # as they are read back

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Self:
        """Read back what `as_dict` gave; keys of other makers are passed over."""
        known = {field.name: facts[field.name] for field in fields(cls) if field.name in facts}
        failure = known.get("failure")
        return cls(
            **known
            | {
                "state": known.get("state", "absent"),
                "failure": Failure(**failure) if failure else None,
                "endpoints": tuple(Endpoint(**endpoint) for endpoint in known.get("endpoints", ())),
                "readable": tuple(known.get("readable", ())),
            }
        )


class Driver(Protocol):
    """`resync_seconds`: how often a settled instance is looked at again.

    `route` with the address comes before the first `apply` of an instance, and again whenever the instance should serve
    and does not. To move an address: `route` to the next instance, wait until it is seen to serve, then `drain` and
    `stop` the previous one.
    """

    resync_seconds: float

    def check(self) -> list[str]:
        """What is wrong with the target; empty when services can run there."""

    def apply(self, spec: "InstanceSpec") -> None:
        """Take one step towards this instance running as specified, beside all others. What runs and matches stays.

        Raises `NoRoom` when the target cannot place it and `TargetUnavailable` when the target does not answer.
        """

    def observe(self, ref: "InstanceRef") -> Observation:
        """What is there now."""

    def route(self, route: Route) -> None:
        """Take one step towards the service's address being answered by the instance that the route names, from when
        it is ready on and through its restarts. Who answered before goes on until it is drained or stopped."""

    def drain(self, ref: "InstanceRef") -> None:
        """Take one step towards not answering at the service's address: what runs is finished, kept connections are
        told to close. The instance lives on."""

    def stop(self, ref: "InstanceRef") -> None:
        """Take one step towards nothing running; the log stays."""

    def remove(self, ref: "InstanceRef") -> None:
        """Take one step towards nothing being left; done when `observe` says absent and `holds` no.

        Raises `NotRemoved` when something cannot be removed.
        """

    def holds(self, ref: "InstanceRef") -> bool:
        """Whether anything of the instance is left there, be it only its log."""

    def logs(self, ref: "InstanceRef", offset: int = 0, limit: int = LOG_CHUNK) -> tuple[str, int]:
        """Text from byte `offset` (negative: that many bytes before the end) and the offset to go on at."""


@runtime_checkable
class KeepsWindows(Protocol):
    """A driver whose instances may leave telemetry with it, as they may connect to nobody."""

    def take_windows(self, ref: "InstanceRef", keep: Callable[[list[bytes]], None]) -> int:
        """Hand the oldest windows, each as JSON that nobody has checked, to `keep`, and forget them when it returns;
        how many. They stay when it raises."""


@runtime_checkable
class TellsFacts(Protocol):
    """A driver that has more to tell of its target than what is wrong with it."""

    def facts(self) -> list[str]:
        """What people should know, a sentence each: how the target keeps services apart, say."""
