"""The loop that keeps instances as they are wanted: the single entry is `reconcile(instance_id)`.

A lease taken by one conditional update keeps two workers apart; what was found counts only for the
generation it was found under. Called at every change, by the tick for due rows, and as often as one likes.
"""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from deployments.control.advance import advance
from deployments.control.next_step import Visit, visit
from deployments.control.notes import Notes
from deployments.control.resync import resync
from deployments.models import Instance, Service
from deployments.targets import driver_for
from deployments.targets.observation import Observation
from deployments.traffic.routing_file import write_routing
from studio.core.enqueue import enqueue_task_in, enqueue_task_on_commit

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0  # a visit takes milliseconds; a dead worker's instances are taken over after this
LONGEST_PAUSE_SECONDS = 3600.0  # longer than any between two visits
BATCH = 100  # instances one tick looks at, and services
BEAT_SECONDS = 2.0  # between two ticks: what is due before the next one gets a message of its own
TICK_SECONDS = 3.0  # what a tick cannot visit in this time, it hands to other workers


def reconcile(instance_id: int, *, if_due: bool = False) -> None:
    """Visit an instance once, unless another worker is with it or it is gone; then, where something of it has changed,
    take the next step of its service. With `if_due`, only when nobody has visited it since that was planned."""
    now = timezone.now()
    holder = secrets.token_hex(8)
    free = _free(now).filter(pk=instance_id)
    if if_due:
        free = free.filter(_is_due(now))
    if not free.update(lease_holder=holder, lease_until=now + timedelta(seconds=LEASE_SECONDS)):
        return
    try:
        changed = _visit(instance_id, holder, now)
    except Exception:
        log.exception("instance %s cannot be visited", instance_id)
        _postpone(instance_id, holder, now)
    else:
        if changed is not None:
            _tell_the_front(instance_id)
            advance(changed)


def _tell_the_front(instance_id: int) -> None:
    """At once: requests may be waiting for a replica. The tick of the routing file makes good what fails here."""
    try:
        write_routing()
    except Exception:
        log.exception("the front cannot be told of instance %s now", instance_id)


def _visit(instance_id: int, holder: str, now: datetime) -> int | None:
    """Gives the id of the service when something has changed that its own step should know."""
    rows = Instance.objects.select_related("service__workspace", "target", "revision__config__environment")
    instance = rows.get(pk=instance_id)
    found = visit(instance, driver_for(instance.target), now)
    changed = _remove(instance, holder) if found.gone else _write(instance, holder, found, now)
    return instance.service_id if changed else None


def reconcile_due() -> None:
    """Visit what is due and not as it was, most overdue first; what takes too long is left to other workers."""
    now = timezone.now()
    until = time.monotonic() + TICK_SECONDS
    services = Service.objects.filter(due_at__lte=now).order_by("due_at")
    _each(services.values_list("pk", flat=True), advance, "deployments.tasks.advance", until)
    instances = _free(now).filter(_is_due(now)).order_by("due_at")
    resync(_free(now).filter(_is_due(now), pk__in=list(instances.values_list("pk", flat=True)[:BATCH])), now, until)
    _each(instances.values_list("pk", flat=True), reconcile, "deployments.tasks.reconcile", until)


def _each(due: QuerySet[Any, int], do: Callable[[int], None], task: str, until: float) -> None:
    for key in list(due[:BATCH]):
        if time.monotonic() < until:
            do(key)
        else:
            enqueue_task_on_commit(task, key)


def _free(now: datetime) -> QuerySet[Instance]:
    """Those without a lease, or with one that has lapsed. So has one that ends later than any that is taken now: it was
    taken before the clock was set back."""
    lapsed = Q(lease_until__lt=now) | Q(lease_until__gt=now + timedelta(seconds=LEASE_SECONDS))
    return Instance.objects.filter(Q(lease_until__isnull=True) | lapsed)


def _is_due(now: datetime) -> Q:
    """Also what was planned before the clock was set back."""
    return Q(due_at__lte=now) | Q(due_at__gt=now + timedelta(seconds=LONGEST_PAUSE_SECONDS))


def _write(instance: Instance, holder: str, found: Visit, now: datetime) -> bool:
    """Keep what was found, unless something else is wanted by now: then it is due again already. Gives whether anything
    has changed that the service-level step should know."""
    changed = _differs(instance, found)
    notes = found.notes.as_dict()
    facts = {
        "observed": notes,
        "observed_generation": instance.generation,
        "observed_at": now,
        "endpoints": [asdict(endpoint) for endpoint in found.notes.observation.endpoints],
        "phase": found.phase,
        "cause": found.cause,
        "due_at": timezone.now() + timedelta(seconds=found.seconds),
    }
    mine = Instance.objects.filter(pk=instance.pk, lease_holder=holder)
    with transaction.atomic():
        if mine.filter(generation=instance.generation).update(lease_until=None, lease_holder="", **facts):
            if changed:
                Service.objects.filter(pk=instance.service_id).update(due_at=now)  # also when this worker dies now
            if found.seconds < BEAT_SECONDS:
                enqueue_task_in(found.seconds, "deployments.tasks.reconcile_if_due", instance.pk)
            return changed
        mine.update(lease_until=None, lease_holder="")
    return False


def _differs(instance: Instance, found: Visit) -> bool:
    before = Notes.of(instance).observation
    shown = (instance.phase, instance.cause and instance.cause["code"], _shown(before))
    return shown != (found.phase, found.cause and found.cause["code"], _shown(found.notes.observation))


def _shown(found: Observation) -> list[tuple[Any, ...]]:
    """What the front and the service-level step go by."""
    return [(one.number, one.state, one.serving, one.endpoints) for one in found.replicas if one.state != "absent"]


def _postpone(instance_id: int, holder: str, now: datetime) -> None:
    """A row that cannot even be read or written must not stop the loop: it comes again later."""
    Instance.objects.filter(pk=instance_id, lease_holder=holder).update(
        lease_until=None, lease_holder="", due_at=now + timedelta(seconds=60)
    )


def _remove(instance: Instance, holder: str) -> bool:
    """Nothing of it is left at its target: forget the row."""
    mine = Instance.objects.filter(pk=instance.pk, lease_holder=holder, generation=instance.generation)
    with transaction.atomic():
        deleted, _ = mine.delete()
        if deleted:
            Service.objects.filter(pk=instance.service_id).update(due_at=timezone.now())
    return bool(deleted)
