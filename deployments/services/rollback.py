"""Roll a service back to a revision that it had: one conditional update of what is wanted, and no build."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from deployments.builds import builds
from deployments.control.facts import facts_of
from deployments.control.service_phase import ServiceFacts, update_of
from deployments.desired_state import change, record_event, request_advance, transition_columns
from deployments.errors import NothingToRollBackTo, RevisionNotBuilt
from deployments.events import SERVICE_ROLLED_BACK
from deployments.models import BuiltBundle, Desired, Phase, Revision, RolloutPhase, Service
from deployments.rollouts.moving import end, running
from deployments.services import operations
from deployments.services.describe import models_of
from deployments.services.operations import Verb
from deployments.version_uses import record_uses
from studio.accounts.models import User
from studio.core.errors import NotFound


def rollback(service: Service, actor: User, number: int | None = None) -> None:
    """Have revision `number` answer again; it starts beside the one that answers, as in an update.

    A build that is still under way for another revision is cancelled, and a rollout aborted.
    None: the revision that has the traffic while an update is under way or has failed, which ends that update; else the
    one that had the traffic before. A stopped service is started. To ask for what is wanted already changes nothing.
    Raises `NotFound`, `NothingToRollBackTo`, `RevisionNotBuilt`, `ChangedMeanwhile`, and as `operations.check` does.
    """
    operations.check(service, Verb.ROLL_BACK)
    rollout = running(service)
    number = number or (rollout.control if rollout else _default(service))
    is_wanted = number == service.wanted_revision and service.desired == Desired.RUNNING
    revision = None if is_wanted else revision_of(service, number)
    with transaction.atomic():
        if rollout:
            rollout.service = service
            end(rollout, RolloutPhase.ABORTED, f"{actor.username} rolled it back", actor)
        if revision is not None:
            _want(service, revision, actor)


def _want(service: Service, revision: Revision, actor: User) -> None:
    before = service.wanted_revision
    columns = transition_columns() | {"desired": Desired.RUNNING, "wanted_revision": revision.number}
    change(service, **columns)
    record_uses(service)
    builds.build_for(revision)  # succeeds at once: the bundle is there
    record_event(SERVICE_ROLLED_BACK, service, actor, revision=revision.number, before=before)
    builds.cancel_others(revision, actor)
    request_advance(service)


def can_be_rolled_back_to(revisions: list[Revision]) -> set[int]:
    """Numbers of those revisions of one service that still have their bundle."""
    hashes = {revision.content_hash for revision in revisions}
    built = BuiltBundle.objects.filter(content_hash__in=hashes, removing_at__isnull=True)
    there = set(built.values_list("content_hash", flat=True))
    return {revision.number for revision in revisions if revision.content_hash in there}


def _default(service: Service) -> int:
    """Asked again while the rollback is under way, it stays the same."""
    facts = facts_of(service)
    if facts.is_update and not (facts.wanted == service.previous_revision and _is_under_way(facts)):
        return facts.traffic or 0
    if facts.is_update:
        return facts.wanted
    number = service.previous_revision or _newest_before(service)
    if not number:
        raise NothingToRollBackTo(service.name)
    return number


def _is_under_way(facts: ServiceFacts) -> bool:
    update = update_of(facts, timezone.now())
    return update is not None and update["state"] == Phase.TRANSITIONING


def _newest_before(service: Service) -> int:
    """For services of releases that did not keep which revision answered before."""
    older = service.revisions.filter(number__lt=service.wanted_revision).order_by("-number")
    return older.values_list("number", flat=True).first() or 0


def revision_of(service: Service, number: int) -> Revision:
    """The revision of that number that can be rolled back to. Raises `NotFound` and `RevisionNotBuilt`."""
    revision = _rows(service).filter(number=number).first()
    if revision is None:
        raise NotFound(
            f"There is no revision {number} of '{service.name}'.",
            hint=f"slipway service revisions {service.name} lists them, and so does the tab Revisions of its page.",
            field="revision",
        )
    if not can_be_rolled_back_to([revision]):
        raise RevisionNotBuilt(service.name, number, models_of(revision))
    return revision


def _rows(service: Service) -> QuerySet[Revision]:
    return service.revisions.select_related("config__environment").prefetch_related("models__version__model")
