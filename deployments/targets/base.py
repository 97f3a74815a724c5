"""The contract of every target driver, and what a driver reports.

A driver sees a `ServiceSpec` and nothing else of the studio. Its verbs are steps, not waits: each returns at
once, may be called again at any time, and converges when it is called again after a crash at any line.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

if TYPE_CHECKING:  # only for the types: drivers get the specification handed in
    from deployments.recipe.spec import ServiceSpec

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
    """The target cannot place the service now; the message names what is missing."""

    code = "no_room"


class NotRemoved(Obstacle):
    """Something of the service cannot be removed; the message names it."""

    code = "not_removed"


class TargetAway(Exception):
    """The target does not answer; trying again later may help."""


@dataclass(frozen=True)
class Failure:
    """Why a service is not up: one of scoring.contract.Reason, a sentence, the raw text behind it, a better hint."""

    reason: str
    message: str
    evidence: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Observation:
    """What a driver found. Times are epoch seconds; `restarts` counts starts after a crash, `started_at` tells one
    process from the next.

    absent: nothing runs, and nothing is wrong. starting: a process lives but is not ready. ready: it says so
    and answers. unreachable: it said so but does not answer. stopping: asked to go. failed: it gave up and
    said why. dead: it ended without saying why.
    """

    state: State
    revision: int | None = None
    recipe: str = ""
    pid: int | None = None
    port: int | None = None
    restarts: int = 0
    started_at: float | None = None
    ready_at: float | None = None
    ended_at: float | None = None
    failure: Failure | None = None

    @property
    def is_live(self) -> bool:
        """A process is there, whatever it says of itself."""
        return self.state in {"starting", "ready", "unreachable", "stopping"}

    @property
    def restarts_in_a_row(self) -> int:
        """Restarts that count; a run that was ready for `STABLE_SECONDS` wipes the slate."""
        quiet = (self.ended_at or 0.0) - self.ready_at if self.ready_at else 0.0
        return 0 if quiet >= STABLE_SECONDS else self.restarts

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Self:
        """Read back what `as_dict` gave; keys of other makers are passed over."""
        known = {field.name: facts[field.name] for field in fields(cls) if field.name in facts}
        failure = known.get("failure")
        return cls(
            **known | {"state": known.get("state", "absent"), "failure": Failure(**failure) if failure else None}
        )


class Driver(Protocol):
    """`resync_seconds`: how often a settled service is looked at again."""

    resync_seconds: float

    def check(self) -> list[str]:
        """What is wrong with the target; empty when services can run there."""

    def apply(self, spec: "ServiceSpec") -> None:
        """Take one step towards this service running as specified. A running process that matches stays.

        Raises `NoRoom` when the target cannot place it and `TargetAway` when the target does not answer.
        """

    def observe(self, service_id: int) -> Observation:
        """What is there now."""

    def stop(self, service_id: int) -> None:
        """Take one step towards no process running; its log stays."""

    def remove(self, service_id: int) -> None:
        """Take one step towards nothing being left of the service; done when `observe` says absent and `holds` no.

        Raises `NotRemoved` when something of it cannot be removed.
        """

    def holds(self, service_id: int) -> bool:
        """Whether anything of the service is left there, be it only its log."""

    def logs(self, service_id: int, offset: int = 0, limit: int = LOG_CHUNK) -> tuple[str, int]:
        """Text from byte `offset` (negative: that many bytes before the end) and the offset to go on at."""
