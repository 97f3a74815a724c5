"""The service-level step: the single entry is `advance(service_id)`.

It looks at a service's build, instances and traffic, does what `decide` says by conditional updates, and keeps the
phase that people see. Two at once are harmless: each of them says the same of the same facts, and a row that has
changed since it was read is not written. Called when something has changed, and by the tick for due services.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from deployments.control.decide import Decision, Want, decide
from deployments.control.drafts import remove_replaced, remove_unused
from deployments.control.facts import facts_of, instances_of, with_facts
from deployments.control.phases import Verdict
from deployments.control.scale import first_replicas
from deployments.control.service_phase import ServiceFacts, phase_of_service
from deployments.events import SERVICE_DELETED, STATE_CHANGED
from deployments.models import Desired, Instance, InstanceDesired, Phase, Revision, Service
from deployments.traffic.shares import ALL, set_traffic
from deployments.version_uses import record_phase, remove_uses
from studio.activity.recording import record
from studio.core.enqueue import enqueue_task_on_commit

log = logging.getLogger(__name__)

BUILDING_SECONDS = 1.0
MOVING_SECONDS = 10.0  # what moves tells so by itself; this is for what was lost
BROKEN_SECONDS = 60.0


def advance(service_id: int) -> None:
    """Take the next step of a service, unless it is gone. One that cannot be read or written comes again later."""
    try:
        _advance(service_id)
    except Exception:
        log.exception("service %s cannot be advanced", service_id)
        later = timezone.now() + timedelta(seconds=BROKEN_SECONDS)
        Service.objects.filter(pk=service_id).update(due_at=later)


def _advance(service_id: int) -> None:
    service, now = _read(service_id), timezone.now()
    if service is None:
        return
    facts = facts_of(service)
    decision = decide(facts)
    if decision.gone:
        _delete(service)
        return
    if _carry_out(service, facts, decision, now):
        service = _read(service_id)
        if service is None:
            return
        facts = facts_of(service)
    _write(service, facts, phase_of_service(facts, now), now)


def _read(service_id: int) -> Service | None:
    return with_facts(Service.objects.filter(pk=service_id)).first()


def _carry_out(service: Service, facts: ServiceFacts, decision: Decision, now: datetime) -> bool:
    """Whether anything had to be changed. Traffic goes first: what follows from it is decided again after a crash."""
    moved = decision.traffic not in {None, facts.traffic}
    if decision.traffic is not None and moved and not set_traffic(service, {decision.traffic: ALL}, decision.traffic):
        return False
    instances = {instance.revision.number: instance for instance in instances_of(service)}
    for number, want in decision.wants.items():
        if number in instances:
            moved |= _change(service, instances[number], want, now)
        else:
            moved |= _create(service, number, want, now)
    return moved


def _create(service: Service, number: int, want: Want, now: datetime) -> bool:
    """A new instance; False when somebody else was first, or people want something else by now."""
    revision = service.revisions.filter(number=number).first()
    if revision is None or not _is_as_read(service):
        return False
    try:
        with transaction.atomic():
            instance = Instance.objects.create(
                service=service,
                revision=revision,
                target=service.target,
                desired=want.desired,
                serving=want.serving,
                replicas=_first_replicas(service, revision),
                changed_at=now,
                due_at=now,
            )
    except IntegrityError:
        return False
    enqueue_task_on_commit("deployments.tasks.reconcile", instance.pk)
    return True


def _change(service: Service, instance: Instance, want: Want, now: datetime) -> bool:
    """Make what is wanted of the instance the case; False when it is so, or when the row has changed since it was read.

    What people have asked for since it was last tried is tried anew: only the instance of the wanted revision is meant.
    """
    is_meant = instance.revision.number == service.wanted_revision and want.desired == InstanceDesired.RUNNING
    is_asked_again = is_meant and instance.changed_at < service.changed_at
    another = instance.desired != want.desired or is_asked_again
    if not another and instance.serving == want.serving:
        return False
    facts: dict[str, Any] = {"desired": want.desired, "serving": want.serving}
    if another:
        facts |= {"changed_at": max(now, service.changed_at), "phase": Phase.TRANSITIONING, "cause": None}
    if another and want.desired == InstanceDesired.RUNNING:
        facts["replicas"] = _first_replicas(service, instance.revision)
    rows = Instance.objects.filter(
        pk=instance.pk, generation=instance.generation, service__generation=service.generation
    )
    if not rows.update(generation=F("generation") + 1, due_at=now, **facts):
        return False
    enqueue_task_on_commit("deployments.tasks.reconcile", instance.pk)
    return True


def _first_replicas(service: Service, revision: Revision) -> int:
    """An update takes over with as many replicas as answered before it."""
    running = [one for one in instances_of(service) if one.desired == InstanceDesired.RUNNING]
    before = next((one.replicas for one in running if one.revision.number == service.default_revision), None)
    return first_replicas(service, revision, before if revision.number == service.wanted_revision else None)


def _is_as_read(service: Service) -> bool:
    return Service.objects.filter(pk=service.pk, generation=service.generation).exists()


def _write(service: Service, facts: ServiceFacts, verdict: Verdict, now: datetime) -> None:
    """Keep the state, unless something has changed since the facts were read: then the service is due already."""
    phase, cause = verdict
    moved = phase != service.phase
    kept: dict[str, Any] = {
        "phase": phase,
        "cause": cause,
        "observed_generation": service.generation,
        "due_at": _due_at(facts, phase, now),
    } | ({"updated_at": now} if moved else {})
    as_read = Service.objects.filter(pk=service.pk, generation=service.generation, due_at=service.due_at)
    with transaction.atomic():
        if service.development and phase == Phase.HEALTHY:
            remove_replaced(service)
        if as_read.update(**kept) and moved:
            record_phase(service, phase)
            details: dict[str, Any] = {"from": service.phase, "to": phase.value, "cause": cause and cause["code"]}
            record(STATE_CHANGED, service, workspace=service.workspace, **details)


def _due_at(facts: ServiceFacts, phase: Phase, now: datetime) -> datetime | None:
    if facts.desired == Desired.RUNNING and not facts.is_built and phase == Phase.TRANSITIONING:
        return now + timedelta(seconds=BUILDING_SECONDS)
    if phase == Phase.TRANSITIONING or facts.is_update or len(_ending(facts)) > 0:
        return now + timedelta(seconds=MOVING_SECONDS)
    return None


def _ending(facts: ServiceFacts) -> list[int]:
    """Revisions that nobody wants and that are not stopped yet, and those beside the default one that still move."""
    others = (one for one in facts.instances if one.revision != facts.wanted)
    settled = {Phase.STOPPED: False, Phase.HEALTHY: True, Phase.FAILED: True}
    return [one.revision for one in others if settled.get(one.phase) is not (one.revision in facts.beside)]


def _delete(service: Service) -> None:
    with transaction.atomic():
        mine = Service.objects.filter(pk=service.pk, generation=service.generation, instances=None).first()
        if mine is None:
            return
        record(SERVICE_DELETED, service, workspace=service.workspace)
        remove_uses(mine)
        mine.delete()
        if service.development:
            remove_unused(service.workspace)
