"""Pure: facts of an instance and the clock → its state.

No state but Healthy, Stopped and Failed outlasts its deadline: each of the others ends in Failed. Time in which nobody
looked at the instance does not count.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from deployments.causes import cause_of
from deployments.control import restart_backoff
from deployments.models import InstanceDesired, Phase
from deployments.targets.base import Observation

Cause = dict[str, Any]  # SlipwayError.as_dict()
Verdict = tuple[Phase, Cause | None]

GRACE_SECONDS = 15.0  # the scoring server knows its deadline too and explains itself better: it comes first
UNSCHEDULABLE_SECONDS = 300.0  # without room for so long, an instance counts as failed
STOP_SECONDS = 60.0
ABSENT = Observation("absent")


@dataclass(frozen=True)
class Facts:
    """Everything the state of an instance depends on. `serving`: it should answer at its service's address.

    `since` is when the deadline began to run: None for what is Healthy, and until the loop has looked after a change.
    `was_healthy`: it has been so since that change. `permanent_failure` is why it is not started again;
    `obstacle` is why the target could not be asked, could not take the instance (`no_room`) or not let go of it.
    """

    desired: str
    serving: bool = True
    since: datetime | None = None
    observation: Observation = ABSENT
    obstacle: Cause | None = None
    permanent_failure: Cause | None = None
    was_healthy: bool = False
    start_seconds: float = 300.0


def phase_of(facts: Facts, now: datetime) -> Verdict:
    """The state, and the cause that keeps the instance from being what is wanted."""
    if facts.desired != InstanceDesired.RUNNING:
        return _going_away(facts, now)
    if facts.permanent_failure:
        return Phase.FAILED, facts.permanent_failure
    if facts.obstacle:
        return _in_time(facts, now, *_hindered(facts))
    return _in_time(facts, now, *_running(facts))


def _going_away(facts: Facts, now: datetime) -> Verdict:
    gone = not facts.observation.is_live and not facts.obstacle
    if gone and facts.desired == InstanceDesired.STOPPED:
        return Phase.STOPPED, None
    if passed(facts.since, STOP_SECONDS, now):
        return Phase.FAILED, facts.obstacle or cause_of("stop_timeout")
    return Phase.TRANSITIONING, facts.obstacle


def _hindered(facts: Facts) -> Verdict:
    """The target cannot take the instance, or cannot be asked about it."""
    if facts.obstacle and facts.obstacle["code"] == "no_room":
        return Phase.UNSCHEDULABLE, facts.obstacle
    return _moving(facts), facts.obstacle


def _running(facts: Facts) -> Verdict:
    found = facts.observation
    if found.state in {"absent", "stopping"}:
        return _moving(facts), cause_of("not_running") if facts.was_healthy else None
    if found.state == "ready":
        return (Phase.TRANSITIONING if facts.serving and not found.serving else Phase.HEALTHY), None
    if found.state == "unreachable":
        return Phase.UNHEALTHY, cause_of("unreachable")
    if restart_backoff.is_permanent(found) and found.state == "failed":
        return Phase.FAILED, _explained(found)
    if restart_backoff.is_looping(found):
        return Phase.FAILED, _explained(found) or cause_of("worker_crashed")
    return _moving(facts), _explained(found)


def _moving(facts: Facts) -> Phase:
    """Not ready: on its way for the first time, or back from having been ready."""
    return Phase.UNHEALTHY if facts.was_healthy else Phase.TRANSITIONING


def _in_time(facts: Facts, now: datetime, phase: Phase, cause: Cause | None) -> Verdict:
    """`phase`, unless it has lasted longer than it may."""
    if phase in {Phase.HEALTHY, Phase.FAILED}:
        return phase, cause
    limit = UNSCHEDULABLE_SECONDS if phase == Phase.UNSCHEDULABLE else facts.start_seconds + GRACE_SECONDS
    if not passed(facts.since, limit, now):
        return phase, cause
    return Phase.FAILED, cause or cause_of("start_timeout")


def passed(since: datetime | None, seconds: float, now: datetime) -> bool:
    """Whether a deadline that began at `since` is over; one that has not begun is not."""
    return since is not None and now - since > timedelta(seconds=seconds)


def _explained(found: Observation) -> Cause | None:
    if found.failure is None:
        return None
    return cause_of(found.failure.reason, found.failure.message, found.failure.evidence, found.failure.hint)
