"""A service's revisions as REST answers and pages show them: plain values."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Prefetch, QuerySet

from deployments.control.facts import build_of
from deployments.models import Build, Desired, Instance, Phase, Revision, RevisionModel, Service
from deployments.services.describe import models_of
from deployments.services.rollback import can_be_rolled_back_to
from studio.core.jobs import JobState


def revisions_of(service: Service) -> QuerySet[Revision]:
    """The newest first, with everything that their description needs, read once for all."""
    uses = RevisionModel.objects.select_related("version__model").order_by("version__model__name")
    return (
        service.revisions.select_related("config__environment", "created_by")
        .prefetch_related(
            Prefetch("models", uses),
            Prefetch("builds", Build.objects.order_by("-id")),
            Prefetch("instances", Instance.objects.order_by("id")),
            "traffic",
        )
        .order_by("-number")
    )


def describe_revisions(service: Service, revisions: Iterable[Revision]) -> list[dict[str, Any]]:
    """`share`: the percentage of requests that the revision gets; `can_roll_back`: whether `rollback` takes it."""
    rows = list(revisions)
    built = can_be_rolled_back_to(rows)
    wanted = None if service.desired == Desired.STOPPED else service.wanted_revision
    open_to_change = service.desired != Desired.DELETED
    return [
        {
            "number": revision.number,
            "label": revision.label,
            "models": models_of(revision),
            "config": None if revision.config.draft else str(revision.config),
            "state": state_of(revision),
            "share": sum(share.percent for share in revision.traffic.all()),
            "created_by": revision.created_by.get_username() if revision.created_by else None,
            "created_at": revision.created_at,
            "reason": revision.reason,
            "can_roll_back": open_to_change and revision.number in built and revision.number != wanted,
        }
        for revision in rows
    ]


def state_of(revision: Revision) -> Phase:
    """That of its instance; of one that has none, what its build tells."""
    if instance := next(iter(revision.instances.all()), None):
        return Phase(instance.phase)
    build = build_of(revision)
    if build is None or build.state in {JobState.SUCCEEDED, JobState.CANCELLED}:
        return Phase.STOPPED
    return Phase.FAILED if build.state == JobState.FAILED else Phase.TRANSITIONING
