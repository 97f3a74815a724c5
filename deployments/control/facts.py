"""Rows → facts: what the loop and the pages know about a service, in one value."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from django.conf import settings

from deployments.control.phases import BuildFacts, Cause, Facts
from deployments.models import Build, Revision, Service
from deployments.targets.base import Observation
from studio.core.jobs import JobState
from studio.core.storable import storable

ABSENT = Observation("absent")


@dataclass(frozen=True)
class Notes:
    """What the loop keeps between two visits: `Service.observed`. `errors` counts failed visits in a row.

    `change` names the change of what is wanted that they belong to: the time of it. `since` is when the present
    deadline began to run; `was_healthy` tells whether the service has been Healthy since that change.
    """

    change: float
    observation: Observation = field(default=ABSENT)
    obstacle: Cause | None = None
    gave_up: Cause | None = None
    since: float | None = None  # epoch seconds; None while it is Healthy
    was_healthy: bool = False
    errors: int = 0

    @property
    def are_new(self) -> bool:
        """The loop has not looked since the change."""
        return self.since is None and not self.was_healthy

    def as_dict(self) -> dict[str, Any]:
        own = {
            "change": self.change,
            "obstacle": self.obstacle,
            "gave_up": self.gave_up,
            "since": self.since,
            "was_healthy": self.was_healthy,
            "errors": self.errors,
        }
        return storable(self.observation.as_dict() | own)

    @classmethod
    def of(cls, service: Service) -> Self:
        """The last visit's notes; after a change of what is wanted only the observation still counts."""
        kept = service.observed
        notes = cls(change=service.changed_at.timestamp(), observation=Observation.from_dict(kept))
        if kept.get("change") != notes.change:
            return notes
        return replace(
            notes,
            obstacle=kept.get("obstacle"),
            gave_up=kept.get("gave_up"),
            since=kept.get("since"),
            was_healthy=kept.get("was_healthy", False),
            errors=kept.get("errors", 0),
        )


def newest_revision(service: Service) -> Revision | None:
    if hasattr(service, "newest_revisions"):  # read ahead by lookup.described
        return next(iter(service.newest_revisions), None)
    return service.revisions.filter(number=service.last_revision).select_related("config__environment").first()


def wanted_revision(service: Service) -> Revision | None:
    """The revision that traffic points at; None until the first one is built."""
    if hasattr(service, "full_shares"):
        share = next(iter(service.full_shares), None)
    else:
        share = service.traffic.filter(percent=100).select_related("revision__config__environment").first()
    return share.revision if share else None


def gather(service: Service, newest: Revision | None, wanted: Revision | None, notes: Notes) -> Facts:
    """The facts that decide the shown state."""
    config = newest.deployment_config if newest else {}
    return Facts(
        desired=service.desired,
        newest=service.last_revision,
        wanted=wanted.number if wanted else None,
        since=datetime.fromtimestamp(notes.since, UTC) if notes.since else None,
        build=_build_facts(build_of(newest)) if newest else None,
        observation=notes.observation,
        obstacle=notes.obstacle,
        gave_up=notes.gave_up,
        was_healthy=notes.was_healthy,
        start_seconds=config.get("start_deadline_seconds") or settings.SLIPWAY["START_DEADLINE_SECONDS"],
        build_seconds=settings.SLIPWAY["BUILD_SECONDS"],
    )


def facts_of(service: Service) -> Facts:
    """The same for a page: from the database alone, nothing is asked of the target."""
    return gather(service, newest_revision(service), wanted_revision(service), Notes.of(service))


def build_of(revision: Revision) -> Build | None:
    """Its newest build."""
    return max(revision.builds.all(), key=lambda build: build.pk, default=None)


def _build_facts(build: Build | None) -> BuildFacts | None:
    if build is None:
        return None
    return BuildFacts(
        state=build.state,
        created_at=build.created_at,
        step=build.step,
        started_at=build.started_at,
        finished_at=build.finished_at,
        error=build.error,
        ahead=build.ahead() if build.state == JobState.QUEUED else 0,
    )
