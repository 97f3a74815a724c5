"""The loop that keeps services as people want them: the single entry is `reconcile(service_id)`.

A lease taken by one conditional update keeps two workers apart; what was found counts only for the
generation it was found under. Called at every change, by the tick for due rows, and as often as one likes.
"""

import logging
import secrets
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from deployments.control.next_step import Visit, visit
from deployments.events import SERVICE_DELETED, STATE_CHANGED
from deployments.models import Service
from deployments.targets import driver_for
from studio.activity.recording import record
from studio.core.enqueue import enqueue_task_on_commit

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0  # a visit takes milliseconds; a dead worker's services are taken over after this
BATCH = 100  # services one tick looks at
TICK_SECONDS = 3.0  # what a tick cannot visit in this time, it hands to other workers


def reconcile(service_id: int) -> None:
    """Visit a service once, unless another worker is with it or it is gone."""
    now = timezone.now()
    holder = secrets.token_hex(8)
    if (
        not _free(now)
        .filter(pk=service_id)
        .update(lease_holder=holder, lease_until=now + timedelta(seconds=LEASE_SECONDS))
    ):
        return
    try:
        _visit(service_id, holder, now)
    except Exception:
        log.exception("service %s cannot be visited", service_id)
        _step_over(service_id, holder, now)


def _visit(service_id: int, holder: str, now: datetime) -> None:
    service = Service.objects.select_related("workspace", "target").get(pk=service_id)
    found = visit(service, driver_for(service.target), now)
    if found.gone:
        _remove(service, holder)
    else:
        _write(service, holder, found, now)


def reconcile_due() -> None:
    """Visit what is due, most overdue first; when that takes long, enqueue the rest."""
    now = timezone.now()
    due = _free(now).filter(due_at__lte=now).order_by("due_at").values_list("pk", flat=True)[:BATCH]
    until = time.monotonic() + TICK_SECONDS
    for service_id in list(due):
        if time.monotonic() < until:
            reconcile(service_id)
        else:
            enqueue_task_on_commit("deployments.tasks.reconcile", service_id)


def _free(now: datetime) -> QuerySet[Service]:
    return Service.objects.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=now))


def _write(service: Service, holder: str, found: Visit, now: datetime) -> None:
    """Keep what was found, unless somebody has changed what is wanted: then it is due again already."""
    moved = found.phase != service.phase
    facts = {
        "observed": found.notes.as_dict(),
        "observed_generation": service.generation,
        "observed_at": now,
        "phase": found.phase,
        "cause": found.cause,
        "due_at": timezone.now() + timedelta(seconds=found.seconds),
    } | ({"updated_at": now} if moved else {})
    with transaction.atomic():
        mine = Service.objects.filter(pk=service.pk, lease_holder=holder)
        if mine.filter(generation=service.generation).update(lease_until=None, lease_holder="", **facts):
            if moved:
                _tell(service, found)
        else:
            mine.update(lease_until=None, lease_holder="")


def _step_over(service_id: int, holder: str, now: datetime) -> None:
    """A row that cannot even be read or written must not stop the loop: it comes again later."""
    Service.objects.filter(pk=service_id, lease_holder=holder).update(
        lease_until=None, lease_holder="", due_at=now + timedelta(seconds=60)
    )


def _remove(service: Service, holder: str) -> None:
    with transaction.atomic():
        mine = Service.objects.filter(pk=service.pk, lease_holder=holder, generation=service.generation).first()
        if mine is None:
            return
        record(SERVICE_DELETED, service, workspace=service.workspace)
        mine.delete()


def _tell(service: Service, found: Visit) -> None:
    details: dict[str, Any] = {"from": service.phase, "to": found.phase.value}
    details["cause"] = found.cause and found.cause["code"]
    record(STATE_CHANGED, service, workspace=service.workspace, **details)
