"""Rows → decisions → rows: how many replicas instances should have. The single entry is `scale()`.

Called when a front has told what there was to do, and by the tick. Two at once are harmless: what was decided is kept
only for the version that it was decided from, and a number is changed only where it still is what it was.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from deployments.config.deployment_config import config_of
from deployments.config.scaling import Scaling, scaling_of
from deployments.control.loads import Loads, fresh_loads
from deployments.control.notes import Notes
from deployments.control.scaling import Limits, Observation, ScalingState, replicas
from deployments.desired_state import record_event
from deployments.events import SERVICE_SCALED
from deployments.models import Desired, Instance, InstanceDesired, InstanceScaling, Revision, Service, Traffic
from studio.core.enqueue import enqueue_task_on_commit

log = logging.getLogger(__name__)

EARLY_SECONDS = 0.5  # by which a decision may come before it is due: reports do not come to the millisecond
STARTS_DOWN = 5.0  # what takes long to start is given up as slowly: so many starts between two reductions
FAST_SECONDS = 2.0  # so that a step of the load is answered in full within three


@dataclass(frozen=True)
class Scaled:
    """An instance with what its number of replicas depends on. `has_share`: of the requests, or of copies."""

    instance: Instance
    scaling: Scaling
    state: ScalingState
    load: Observation | None
    has_share: bool

    def is_asked(self, now: float) -> bool:
        """Somebody has called it, not longer ago than it stays awake for."""
        if self.load and (self.load.arrivals or self.load.waiting or self.load.busy):
            return True
        return self.state.busy_at is not None and now - self.state.busy_at < self.scaling.idle


def scale(service_id: int | None = None) -> None:
    """Decide for all services that run, or for one; one that cannot be read does not keep the others waiting."""
    now = timezone.now()
    loads = fresh_loads(now)
    rows = _rows(service_id, loads)
    shared = _revisions_with_share(service_id)
    for key, instances in groupby(rows, key=lambda one: one.service_id):
        try:
            _scale_service([_read(one, loads, shared, now) for one in instances], now)
        except Exception:
            log.exception("service %s cannot be scaled", key)


def first_replicas(service: Service, revision: Revision, present: int | None) -> int:
    """How many an instance starts with: `present`, of the revision that answers, where it takes its place; else as few
    as there may be. One at least, which proves that it works."""
    scaling = scaling_of(config_of(revision), service.scaling)
    return max(scaling.within(scaling.least if present is None else present), 1)


def _rows(service_id: int | None, loads: Loads) -> QuerySet[Instance]:
    """Of all services those that sleep and that nobody calls are left out, where a front would tell of calls."""
    wanted = Instance.objects.filter(desired=InstanceDesired.RUNNING, service__desired=Desired.RUNNING)
    if service_id is not None:
        wanted = wanted.filter(service=service_id)
    elif settings.FRONT["enabled"]:
        awake = wanted.filter(replicas__gt=0).values("service_id")
        wanted = wanted.filter(Q(service__in=awake) | Q(service__in=loads.services))
    secrets = ("service__front_key", "service__telemetry_token", "service__token_secret")  # deciphered when read
    rows = wanted.select_related("service__workspace", "revision", "scaling").defer(*secrets)
    return rows.order_by("service_id", "pk")


def _revisions_with_share(service_id: int | None) -> set[int]:
    rows = Traffic.objects.filter(Q(percent__gt=0) | Q(mirror_percent__gt=0))
    if service_id is not None:
        rows = rows.filter(service=service_id)
    return set(rows.values_list("revision_id", flat=True))


def _read(instance: Instance, loads: Loads, shared: set[int], now: datetime) -> Scaled:
    service, revision = instance.service, instance.revision
    kept: InstanceScaling | None = getattr(instance, "scaling", None)
    state = msgspec.convert(kept.state, ScalingState) if kept else ScalingState(0, busy_at=now.timestamp())
    return Scaled(
        instance=instance,
        scaling=scaling_of(config_of(revision), service.scaling),
        state=replace(state, wanted=instance.replicas),
        load=loads.of(service.pk, revision.number),
        has_share=revision.pk in shared,
    )


def _scale_service(revisions: Sequence[Scaled], now: datetime) -> None:
    """Revisions that share the requests are awake together: one that sleeps would leave its share to the others."""
    is_asked = any(one.has_share and one.is_asked(now.timestamp()) for one in revisions)
    for one in revisions:
        if one.scaling.is_fixed:
            number = one.scaling.most
            if one.instance.replicas != number:
                _change(one.instance, number, f"{number} are asked for", now)
            continue
        limits = _limits(one, must_run=one.has_share and is_asked)
        if not _rests(one, limits, now):
            _decide(one, limits, now)


def _limits(one: Scaled, *, must_run: bool) -> Limits:
    """What has not proved itself yet must run, and so must what no front could wake."""
    found = Notes.of(one.instance)
    is_proven, observation = found.was_healthy, found.observation
    started, ready = observation.started_at, observation.ready_at
    cold = max(ready - started, 0.0) if started and ready else 0.0
    least = one.scaling.least
    if must_run or not is_proven or not settings.FRONT["enabled"]:
        least = max(least, 1)
    usual, refresh = Limits(), one.scaling.refresh
    return Limits(
        least=least,
        most=one.scaling.most,
        target=one.scaling.target,
        slots=one.scaling.slots,
        refresh=refresh,
        fast=max(FAST_SECONDS, refresh),
        slow=max(usual.slow, refresh),
        down=max(usual.down, STARTS_DOWN * cold),
        idle=one.scaling.idle,
    )


def _rests(one: Scaled, limits: Limits, now: datetime) -> bool:
    """Nothing is to be decided: it sleeps and nobody calls, or it was decided just now. Who waits for a replica is
    never kept waiting by that."""
    number, load = one.instance.replicas, one.load
    if not limits.least <= number <= limits.most or (load and load.waiting and not number):
        return False
    if number == 0:
        return not (load and (load.arrivals or load.waiting))
    decided = one.state.wishes[-1][0] if one.state.wishes else None
    return decided is not None and 0 <= now.timestamp() - decided < limits.refresh - EARLY_SECONDS


def _decide(one: Scaled, limits: Limits, now: datetime) -> None:
    state, why = replicas(now.timestamp(), one.state, one.load, limits)
    before = one.instance.replicas
    facts: dict[str, Any] = {"state": msgspec.to_builtins(state)}
    if state.wanted != before:
        facts |= {"why": why, "changed_at": now}
    with transaction.atomic():
        if _keep(one.instance, facts) and state.wanted != before:
            _change(one.instance, state.wanted, why, now)


def _keep(instance: Instance, facts: dict[str, Any]) -> bool:
    """False when somebody else has decided meanwhile."""
    kept: InstanceScaling | None = getattr(instance, "scaling", None)
    if kept is None:
        _, is_new = InstanceScaling.objects.get_or_create(instance=instance, defaults=facts)
        return is_new
    as_read = InstanceScaling.objects.filter(pk=kept.pk, version=kept.version)
    return bool(as_read.update(version=F("version") + 1, **facts))


def _change(instance: Instance, number: int, why: str, now: datetime) -> None:
    """Want another number of replicas, and say so, unless the instance is wanted otherwise by now."""
    as_read = Instance.objects.filter(pk=instance.pk, desired=InstanceDesired.RUNNING, replicas=instance.replicas)
    with transaction.atomic():
        if as_read.update(replicas=number, generation=F("generation") + 1, due_at=now):
            told: dict[str, Any] = {
                "revision": instance.revision.number,
                "before": instance.replicas,
                "after": number,
                "why": why,
            }
            record_event(SERVICE_SCALED, instance.service, None, **told)
            enqueue_task_on_commit("deployments.tasks.reconcile", instance.pk)
