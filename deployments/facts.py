"""Rows → facts: what the loop and the pages know about a service, in one value."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from django.conf import settings

from deployments.models import Build, Revision, Service
from deployments.phases import BuildFacts, Cause, Facts
from deployments.targets.base import Observation
from studio.core.storable import storable

ABSENT = Observation("absent")


@dataclass(frozen=True)
class Notes:
    """What the loop keeps between two visits: `Service.observed`. `errors` counts failed visits in a row."""

    observation: Observation = field(default=ABSENT)
    obstacle: Cause | None = None
    gave_up: Cause | None = None
    unready_since: float | None = None  # epoch seconds
    errors: int = 0

    def as_dict(self) -> dict[str, Any]:
        own = {
            "obstacle": self.obstacle,
            "gave_up": self.gave_up,
            "unready_since": self.unready_since,
            "errors": self.errors,
        }
        return storable(self.observation.as_dict() | own)

    @classmethod
    def of(cls, service: Service) -> Self:
        """The last visit's notes; after a change of what is wanted only the observation still counts."""
        kept = service.observed
        notes = cls(observation=Observation.from_dict(kept))
        if service.observed_generation != service.generation:
            return notes
        return replace(
            notes,
            obstacle=kept.get("obstacle"),
            gave_up=kept.get("gave_up"),
            unready_since=kept.get("unready_since"),
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
        changed_at=service.changed_at,
        build=_build_facts(build_of(newest)) if newest else None,
        observation=notes.observation,
        obstacle=notes.obstacle,
        gave_up=notes.gave_up,
        unready_since=datetime.fromtimestamp(notes.unready_since, UTC) if notes.unready_since else None,
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
    )
