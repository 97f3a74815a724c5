"""Rollouts as rows: what a state means for traffic, events and the row, in one transaction.

It can be done by two at once, and after a crash: a row that has changed since it was read is not written.
"""

import json
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from deployments import events
from deployments.desired_state import change, record_event, request_advance
from deployments.errors import ChangedMeanwhile
from deployments.models import Rollout, RolloutPhase, Service
from deployments.rollouts.forecast import waiting_for
from deployments.rollouts.steps import Plan, RolloutState, mirror_percent_of, percent_of
from deployments.traffic.shares import ALL, Share, give_shares, shares_of
from deployments.version_uses import record_uses
from studio.accounts.models import User

ENDS = frozenset({RolloutPhase.DONE, RolloutPhase.ROLLED_BACK, RolloutPhase.ABORTED})


def running(service: Service) -> Rollout | None:
    """The rollout of a service that is under way."""
    if hasattr(service, "running_rollouts"):  # read ahead
        return next(iter(service.running_rollouts), None)
    return service.rollouts.filter(ended_at=None).select_related("created_by").first()


def plan_of(rollout: Rollout) -> Plan:
    return msgspec.convert(rollout.plan, Plan, str_keys=True)


def state_of(rollout: Rollout) -> RolloutState | None:
    """None before it has begun."""
    return None if rollout.state is None else msgspec.convert(rollout.state, RolloutState, str_keys=True)


def as_json(value: msgspec.Struct) -> Any:
    """As a row keeps it."""
    return json.loads(msgspec.json.encode(value))


def move(rollout: Rollout, state: RolloutState, actor: User | None) -> None:
    """Write the state, and give the candidate the share that it means. Raises `ChangedMeanwhile`."""
    plan = plan_of(rollout)
    phase, percent = RolloutPhase(state.phase), percent_of(plan, state)
    if phase == RolloutPhase.ROLLED_BACK:
        end(rollout, phase, str(state.finding or ""), actor, state=as_json(state))
        return
    before = state_of(rollout)
    copies = mirror_percent_of(plan, state)
    has_moved = percent != rollout.percent or copies != (mirror_percent_of(plan, before) if before else 0.0)
    has_advanced = has_moved or (before is not None and state.step != before.step)
    was_held = rollout.phase == RolloutPhase.HELD
    with transaction.atomic():
        _write(rollout, phase, waiting_for(plan, state), state=as_json(state), percent=percent)
        if phase == RolloutPhase.DONE:
            _record(events.ROLLOUT_COMPLETED, rollout, actor)
            _set_shares(rollout, {rollout.candidate: ALL}, rollout.candidate, actor, "all steps are passed")
        elif has_advanced:
            _record(events.ROLLOUT_ADVANCED, rollout, actor, percent=percent)
            if has_moved:
                where = f"step {state.step + 1} of {len(plan.steps)}"
                _set_shares(rollout, _split(percent, copies, rollout), rollout.control, actor, where)
        elif phase == RolloutPhase.HELD and not was_held:
            _record(events.ROLLOUT_HELD, rollout, actor, why=rollout.why)


def end(rollout: Rollout, phase: RolloutPhase, why: str, actor: User | None, **columns: Any) -> None:
    """Give all requests back to the control; the candidate stops. Raises `ChangedMeanwhile`."""
    kind = events.ROLLOUT_ROLLED_BACK if phase == RolloutPhase.ROLLED_BACK else events.ROLLOUT_ABORTED
    with transaction.atomic():
        _write(rollout, phase, why, percent=0.0, **columns)
        _record(kind, rollout, actor, why=why)
        if rollout.service.default_revision == rollout.control:
            _set_shares(rollout, {rollout.control: ALL}, rollout.control, actor, why)


def write(rollout: Rollout, **columns: Any) -> None:
    """Change the row unless it has changed since it was read. Raises `ChangedMeanwhile`."""
    rows = Rollout.objects.filter(pk=rollout.pk, version=rollout.version, ended_at=None)
    if not rows.update(version=F("version") + 1, changed_at=timezone.now(), **columns):
        raise ChangedMeanwhile(rollout.service.name)
    rollout.version += 1
    for name, value in columns.items():
        setattr(rollout, name, value)


def _write(rollout: Rollout, phase: RolloutPhase, why: str, **columns: Any) -> None:
    ended = {"ended_at": timezone.now()} if phase in ENDS else {}
    write(rollout, phase=phase, why=why, **columns, **ended)


def _split(percent: float, copies: float, rollout: Rollout) -> dict[int, Share]:
    return {rollout.control: Share(100 - percent), rollout.candidate: Share(percent, copies)}


def _set_shares(rollout: Rollout, shares: dict[int, Share], default: int, actor: User | None, why: str) -> None:
    """Of both revisions; others that run beside them stay, without a share. `actor`: None where it moves by itself."""
    service = rollout.service
    both = {rollout.control, rollout.candidate}
    others = {number: share for number, share in shares_of(service).items() if number not in both}
    change(service, due_at=timezone.now())
    reason = f"Rollout to revision {rollout.candidate}: {why}".rstrip(": ")
    give_shares(service, shares | others, default, actor=actor, reason=reason, wanted_revision=default)
    record_uses(service)
    request_advance(service)


def _record(kind: Any, rollout: Rollout, actor: User | None, **details: Any) -> None:
    record_event(kind, rollout.service, actor, reason=rollout.reason, revision=rollout.candidate, **details)
