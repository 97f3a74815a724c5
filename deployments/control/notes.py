"""What the loop keeps of an instance between two visits."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from deployments.control.phases import ABSENT, Cause
from deployments.models import Instance
from deployments.targets.observation import Observation
from deployments.traffic.withdrawal import Withdrawal
from studio.core.storable import storable


@dataclass(frozen=True)
class Notes:
    """`Instance.observed`. `errors` counts failed visits in a row.

    `change` names the change of what is wanted that they belong to: the time of it. `since` is when the present
    deadline began to run, for as many `replicas`; `was_healthy` tells whether the instance has been Healthy since the
    change, and `healthy_replicas` with how many the last time. `withdrawal`: how what is to end leaves the front.
    """

    change: float
    observation: Observation = field(default=ABSENT)
    obstacle: Cause | None = None
    permanent_failure: Cause | None = None
    since: float | None = None  # epoch seconds; None while it is Healthy
    replicas: int | None = None
    was_healthy: bool = False
    healthy_replicas: int = 0
    withdrawal: Withdrawal | None = None
    errors: int = 0

    @property
    def are_new(self) -> bool:
        """The loop has not looked since the change."""
        return self.since is None and not self.was_healthy

    def as_dict(self) -> dict[str, Any]:
        own = {
            "change": self.change,
            "obstacle": self.obstacle,
            "gave_up": self.permanent_failure,
            "since": self.since,
            "wanted_replicas": self.replicas,
            "was_healthy": self.was_healthy,
            "healthy_replicas": self.healthy_replicas,
            "withdrawal": self.withdrawal and asdict(self.withdrawal),
            "errors": self.errors,
        }
        return storable(self.observation.as_dict() | own)

    @classmethod
    def of(cls, instance: Instance) -> Self:
        """The last visit's notes; after a change of what is wanted only the observation still counts."""
        kept = instance.observed
        notes = cls(change=instance.changed_at.timestamp(), observation=Observation.from_dict(kept))
        if kept.get("change") != notes.change:
            return notes
        was_healthy, withdrawal = kept.get("was_healthy", False), kept.get("withdrawal")
        return replace(
            notes,
            obstacle=kept.get("obstacle"),
            permanent_failure=kept.get("gave_up"),
            since=kept.get("since"),
            replicas=kept.get("wanted_replicas"),
            was_healthy=was_healthy,
            healthy_replicas=kept.get("healthy_replicas", int(was_healthy)),
            withdrawal=Withdrawal(**withdrawal) if withdrawal else None,
            errors=kept.get("errors", 0),
        )
