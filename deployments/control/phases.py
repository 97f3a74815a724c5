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
from deployments.targets.observation import Observation, Replica

Cause = dict[str, Any]  # SlipwayError.as_dict()
Verdict = tuple[Phase, Cause | None]

GRACE_SECONDS = 15.0  # the scoring server knows its deadline too and explains itself better: it comes first
UNSCHEDULABLE_SECONDS = 300.0  # without room for so long, an instance counts as failed
STOP_SECONDS = 60.0
ABSENT = Observation()


@dataclass(frozen=True)
class Facts:
    """Everything the state of an instance depends on. `serving`: it should answer at its service's address.

    `replicas`: how many should run; 0: it sleeps. `since` is when the deadline began to run: None for what is Healthy,
    and until the loop has looked after a change. `healthy_replicas`: with how many it was Healthy last since that
    change. `permanent_failure` is why it is not started again;
    `obstacle` is why the target could not be asked, could not take the instance (`no_room`) or not let go of it.
    """

    desired: str
    serving: bool = True
    since: datetime | None = None
    observation: Observation = ABSENT
    obstacle: Cause | None = None
    permanent_failure: Cause | None = None
    healthy_replicas: int = 0
    replicas: int = 1
    start_seconds: float = 300.0

    @property
    def lost(self) -> bool:
        """Fewer replicas are ready than were, of those that should run."""
        return self.observation.ready(self.replicas) < min(self.healthy_replicas, self.replicas)


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
    """By how many of the wanted replicas are ready."""
    found = facts.observation
    ready = found.ready(facts.replicas)
    if ready == facts.replicas:
        answers = not facts.serving or not ready or found.serving
        return (Phase.HEALTHY if answers else Phase.TRANSITIONING), None
    return _some_ready(facts, ready) if ready else _none_ready(facts)


def _none_ready(facts: Facts) -> Verdict:
    replicas = facts.observation.first(facts.replicas)
    cause = next((told for one in replicas if (told := _explained(one))), None)
    if any(one.state == "unreachable" for one in replicas):
        return Phase.UNHEALTHY, cause_of("unreachable")
    if all(restart_backoff.has_failed(one, others_run=False) for one in replicas):
        return Phase.FAILED, cause or cause_of("worker_crashed")
    if all(one.state in {"absent", "stopping"} for one in replicas):
        return _moving(facts), cause_of("not_running") if facts.healthy_replicas else None
    return _moving(facts), cause


def _some_ready(facts: Facts, ready: int) -> Verdict:
    """It serves. More replicas are on their way for the first time, or some have been lost."""
    missing = [one for one in facts.observation.first(facts.replicas) if one.state != "ready"]
    has_failed = any(restart_backoff.has_failed(one, others_run=True) for one in missing)
    return (Phase.UNHEALTHY if facts.lost or has_failed else Phase.TRANSITIONING), _too_few(facts, ready, missing)


def _too_few(facts: Facts, ready: int, missing: list[Replica]) -> Cause:
    """The cause that names how many there are, and what is known of the first that is missing."""
    told = next(((one.number, cause) for one in missing if (cause := _explained(one))), None)
    message = f"{ready} of {facts.replicas} replicas are ready."
    if told is None:
        return cause_of("replicas_missing", message)
    number, cause = told
    return cause_of("replicas_missing", f"{message} Replica {number}: {cause['message']}", cause["evidence"])


def _moving(facts: Facts) -> Phase:
    """Not ready: on its way for the first time, or out of its sleep, or back from having been ready."""
    return Phase.UNHEALTHY if facts.healthy_replicas else Phase.TRANSITIONING


def _in_time(facts: Facts, now: datetime, phase: Phase, cause: Cause | None) -> Verdict:
    """`phase`, unless it has lasted longer than it may. What grows for the first time is explained only then."""
    if phase in {Phase.HEALTHY, Phase.FAILED}:
        return phase, cause
    limit = UNSCHEDULABLE_SECONDS if phase == Phase.UNSCHEDULABLE else facts.start_seconds + GRACE_SECONDS
    if not passed(facts.since, limit, now):
        grows = phase == Phase.TRANSITIONING and cause is not None and cause["code"] == "replicas_missing"
        return phase, None if grows else cause
    return Phase.FAILED, cause or cause_of("start_timeout")


def passed(since: datetime | None, seconds: float, now: datetime) -> bool:
    """Whether a deadline that began at `since` is over; one that has not begun is not."""
    return since is not None and now - since > timedelta(seconds=seconds)


def _explained(found: Replica) -> Cause | None:
    if found.failure is None:
        return None
    return cause_of(found.failure.reason, found.failure.message, found.failure.evidence, found.failure.hint)
