"""The contract of every target driver, and what a driver reports.

A driver is made for one target. It sees `InstanceSpec`s and nothing else of the studio. Its verbs are steps, not
waits: each returns at once, may be called again at any time, by any driver of the same target, and converges when it
is called again after a crash at any line.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from deployments.targets.observation import Observation

if TYPE_CHECKING:  # only for the types: drivers get the specification handed in
    from deployments.recipe.spec import InstanceRef, InstanceSpec

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


class Driver(Protocol):
    """`resync_seconds`: how often a settled instance is looked at again.

    An instance consists of `InstanceSpec.replicas` replicas, which may be none. They are numbered from 1, the highest
    numbers go first, and where the instance is routed to, each of them answers at the service's address. A number is
    the replica's name in figures, which must not move from one to another while both run.

    `route` with the address comes before the first `apply` of an instance, and again whenever the instance should serve
    and does not. To move an address: `route` to the next instance, wait until it is seen to serve, then `drain` and
    `stop` the previous one.
    """

    resync_seconds: float

    def check(self) -> list[str]:
        """What is wrong with the target; empty when services can run there."""

    def apply(self, spec: "InstanceSpec", *, keep: int = 0, paused: Collection[int] = ()) -> None:
        """Take one step towards this instance running as specified, beside all others. What runs and matches stays.

        Replicas beyond `spec.replicas` end, once they have finished what they are at; those up to number `keep` live
        on for now, as somebody may still send them requests. What has ended and is in `paused` is not started again
        yet; a target that restarts by itself, and waits in between, may pass over that.

        Raises `NoRoom` when the target cannot place all replicas, after starting those that it can, and
        `TargetUnavailable` when the target does not answer.
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

    def logs(self, ref: "InstanceRef", offset: int = 0, limit: int = LOG_CHUNK, *, replica: int = 1) -> tuple[str, int]:
        """What a replica printed: text from byte `offset` (negative: that many bytes before the end) and the offset to
        go on at."""


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


@dataclass(frozen=True)
class Usage:
    """What the processes of a replica have used. `cpu_seconds` and `wait_seconds` (runnable, and not run, as the kernel
    tells it; None where it does not) count from their start; `memory_bytes` is resident now, `peak_bytes` the most
    that it was: the kernel's own high-water mark where there is one, else the most that was seen. `processes` are their
    numbers, where they run on this machine."""

    number: int
    cpu_seconds: float
    memory_bytes: int
    peak_bytes: int
    threads: int
    wait_seconds: float | None = None
    processes: tuple[int, ...] = ()


@runtime_checkable
class MeasuresUsage(Protocol):
    """A driver that can tell what its instances use, without asking them."""

    def usage(self, ref: "InstanceRef") -> list[Usage]:
        """Of each replica that lives. Raises `TargetUnavailable`."""
