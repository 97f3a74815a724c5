"""What people do with rollouts: start, pause, resume, advance, abort, and look at them."""

import math
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from deployments import events
from deployments.desired_state import record_event
from deployments.errors import BadRollout, ChangedMeanwhile, NoRollout
from deployments.models import Rollout, RolloutPhase, Service
from deployments.rollouts import steps as life
from deployments.rollouts.forecast import seconds_left, step_seconds, waiting_for, warning
from deployments.rollouts.guards import DEFAULT_GUARDS, Guard
from deployments.rollouts.moving import as_json, end, move, plan_of, running, state_of, write
from deployments.rollouts.standing import standings
from deployments.rollouts.steps import Plan, Step
from deployments.services import operations
from deployments.services.operations import Verb
from deployments.services.recent_figures import recent_figures
from deployments.services.traffic import as_request, change_traffic
from deployments.traffic.shares import Share, shares_of
from studio.accounts.models import User

STEPS_LIMIT = 20
DEFAULT_STEPS = tuple(Step(percent, 300.0) for percent in (5.0, 25.0, 50.0, 100.0))
LONGEST_BAKE = 7 * 86_400


@dataclass(frozen=True, kw_only=True)
class RolloutRequest:
    """To which `revision`, in which steps, under which guards."""

    revision: int
    steps: tuple[Step, ...] = DEFAULT_STEPS
    guards: tuple[Guard, ...] = DEFAULT_GUARDS
    warm_requests: int = 200
    reason: str = ""


def start(service: Service, actor: User, request: RolloutRequest) -> Rollout:
    """Have the revision started beside the default one; its share rises as it proves itself.

    Raises `BadRollout`, and as `change_traffic` does.
    """
    operations.check(service, Verb.ROLL_OUT)
    control = service.default_revision
    shares = shares_of(service)
    _check(request, control, shares)
    plan = Plan(request.steps, request.guards, request.warm_requests)
    wanted = as_request(shares | {control: Share(100.0), request.revision: Share(0.0)}, reason=request.reason)
    try:
        with transaction.atomic():
            change_traffic(service, actor, wanted)
            rollout = Rollout.objects.create(
                service=service,
                control=control,
                candidate=request.revision,
                plan=as_json(plan),
                why=f"Revision {request.revision} is starting.",
                reason=request.reason,
                created_by=actor,
            )
            shown = ", ".join(f"{step.percent:g} %" for step in plan.steps)
            record_event(
                events.ROLLOUT_STARTED,
                service,
                actor,
                reason=request.reason,
                revision=request.revision,
                before=control,
                steps=shown,
            )
    except IntegrityError as error:
        raise ChangedMeanwhile(service.name) from error
    return rollout


def pause(service: Service, actor: User) -> None:
    """The clock stands; guards watch on, and may roll back. Raises `NoRollout`."""
    rollout = _running(service)
    if rollout.is_paused:
        return
    with transaction.atomic():
        write(rollout, is_paused=True)
        record_event(events.ROLLOUT_PAUSED, service, actor, revision=rollout.candidate)


def resume(service: Service, actor: User) -> None:
    """Go on after a pause; a held step gets its time once more. Raises `NoRollout`."""
    rollout = _running(service)
    state = state_of(rollout) if rollout.phase == RolloutPhase.HELD else None
    if not rollout.is_paused and state is None:
        return
    with transaction.atomic():
        if rollout.is_paused:
            write(rollout, is_paused=False)
        if state is not None:
            move(rollout, life.resumed(plan_of(rollout), state), actor)
        record_event(events.ROLLOUT_RESUMED, service, actor, revision=rollout.candidate)


def advance(service: Service, actor: User) -> None:
    """Go to the next step, whatever the present one has shown. Raises `NoRollout` and `BadRollout`."""
    rollout = _running(service)
    state = state_of(rollout)
    if state is None:
        raise BadRollout(
            f"The rollout of '{service.name}' has not begun: revision {rollout.candidate} is not ready yet.",
            hint="Wait until it is, or abort the rollout.",
        )
    move(rollout, life.advanced(plan_of(rollout), state), actor)


def abort(service: Service, actor: User) -> None:
    """Give all requests back to the revision before, at once. Raises `NoRollout`."""
    end(_running(service), RolloutPhase.ABORTED, f"{actor.username} aborted it", actor)


def check_running(service: Service) -> None:
    """Raises `NoRollout`."""
    _running(service)


def rollouts_of(service: Service) -> QuerySet[Rollout]:
    """All of them, the newest first."""
    return service.rollouts.select_related("created_by").order_by("-id")


def describe_rollout(service: Service) -> dict[str, Any]:
    """The rollout under way, or the last one, as REST answers. Raises `NoRollout`."""
    rollout = rollouts_of(service).first()
    if rollout is None:
        raise NoRollout(service.name)
    return describe(rollout, present_rate(service))


def describe(rollout: Rollout, rate: float) -> dict[str, Any]:
    """A rollout as REST answers, with `rate` requests per second to its service."""
    plan, state = plan_of(rollout), state_of(rollout)
    seconds = step_seconds(plan, rate)
    left = math.inf if state is None or rollout.ended_at else seconds_left(plan, state, rate)
    return {
        "revision": rollout.candidate,
        "control": rollout.control,
        "phase": rollout.phase,
        "paused": rollout.is_paused,
        "percent": rollout.percent,
        "step": state.step + 1 if state else 0,
        "steps": [
            {
                "percent": step.percent,
                "mirror_percent": step.mirror_percent,
                "bake_seconds": step.bake_seconds,
                "expected_seconds": _finite(expected),
            }
            for step, expected in zip(plan.steps, seconds, strict=True)
        ],
        "baked_seconds": state.baked if state else 0.0,
        "seconds_left": _finite(left),
        "requests": state.requests if state else 0,
        "guards": [as_json(one) for one in standings(plan, state)] if state else [],
        "why": rollout.why if rollout.ended_at or not state else waiting_for(plan, state) or rollout.why,
        "warning": "" if rollout.ended_at else warning(plan, rate),
        "reason": rollout.reason,
        "started_by": rollout.created_by.username if rollout.created_by else None,
        "started_at": rollout.created_at,
        "ended_at": rollout.ended_at,
    }


def _running(service: Service) -> Rollout:
    rollout = running(service)
    if rollout is None:
        raise NoRollout(service.name)
    rollout.service = service
    return rollout


def _finite(seconds: float) -> int | None:
    return None if math.isinf(seconds) else round(seconds)


def present_rate(service: Service) -> float:
    """Requests per second lately, as far as they were counted."""
    figures = recent_figures([service]).get(service.pk)
    return (figures.requests_per_second if figures else None) or 0.0


def _check(request: RolloutRequest, control: int, shares: dict[int, Share]) -> None:
    if request.revision == control:
        raise _bad(f"Revision {control} gets the requests already.", "Choose another revision.", "revision")
    others = [number for number, share in shares.items() if share.percent and number not in {control, request.revision}]
    if others:
        raise _bad(
            f"Revision {others[0]} has a share of the requests, too: a rollout compares two.",
            "Give the others 0 % first.",
            "revision",
        )
    _check_steps(request)
    _check_guards(request)


def _check_steps(request: RolloutRequest) -> None:
    percents = [step.percent for step in request.steps]
    if not 1 <= len(percents) <= STEPS_LIMIT:
        raise _bad(f"A rollout has 1 to {STEPS_LIMIT} steps.", "For example: 5, 25, 50, 100.", "steps")
    rises = all(
        low < step.percent or (step.mirror_percent and low == step.percent == 0)
        for low, step in zip([0.0, *percents], request.steps, strict=False)
    )
    if not rises or not 0 < percents[-1] <= 100:
        raise _bad(
            "The shares of the steps must rise, from above 0 to 100 %. Only the first ones may be of copies alone.",
            "5, 25, 50, 100.",
            "steps",
        )
    if not all(0 <= step.mirror_percent <= 100 for step in request.steps):
        raise _bad("Copies are of 0 to 100 % of the requests.", "For example: 20.", "steps")
    if any(not 0 <= step.bake_seconds <= LONGEST_BAKE for step in request.steps):
        raise _bad("A bake lasts from 0 seconds to 7 days.", "For example: 300.", "steps")


def _check_guards(request: RolloutRequest) -> None:
    if not request.guards:
        raise _bad("A rollout needs a guard.", "For example: errors.", "guards")
    if any(guard.needs_copies for guard in request.guards) and not any(step.mirror_percent for step in request.steps):
        raise _bad(
            "Nothing can be said of agreement without copies.",
            "Give the first step a mirror_percent, such as 20 with a share of 0; --shadow 20 on the command line.",
            "guards",
        )


def _bad(message: str, hint: str, field: str) -> BadRollout:
    return BadRollout(message, hint=hint, field=field)
