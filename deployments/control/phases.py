"""Pure: facts and clock → the state people see, and the steps of a deployment.

No state but Healthy, Stopped and Failed outlasts its deadline: each of the others ends in Failed. Time in which nobody
looked at the service does not count.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from deployments.causes import cause_of
from deployments.control import restart_backoff
from deployments.models import Desired, Phase
from deployments.targets.base import Observation
from studio.core.jobs import JobState

Cause = dict[str, Any]  # SlipwayError.as_dict()
Verdict = tuple[Phase, Cause | None]

GRACE_SECONDS = 15.0  # the scoring server knows its deadline too and explains itself better: it comes first
QUEUE_SECONDS = 60.0  # a build that waits longer although none is before it: that no worker takes it is told
UNSCHEDULABLE_SECONDS = 300.0  # without room for so long, a service counts as failed
STOP_SECONDS = 60.0
ABSENT = Observation("absent")


@dataclass(frozen=True)
class BuildFacts:
    """What the build of the newest revision tells."""

    state: str
    created_at: datetime
    step: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Cause | None = None
    ahead: int = 0  # builds that wait or run before this one


@dataclass(frozen=True)
class Facts:
    """Everything the shown state depends on. `wanted` is the revision that traffic points at.

    `since` is when the deadline began to run: None for what is Healthy, and until the loop has looked after a change.
    `was_healthy`: it has been so since that change. `gave_up` is why nothing is tried any more;
    `obstacle` is why the target could not be asked, could not take the service (`no_room`) or not let go of it.
    """

    desired: str
    newest: int
    wanted: int | None
    since: datetime | None = None
    build: BuildFacts | None = None
    observation: Observation = ABSENT
    obstacle: Cause | None = None
    gave_up: Cause | None = None
    was_healthy: bool = False
    start_seconds: float = 300.0
    build_seconds: float = 1800.0


def phase_of(facts: Facts, now: datetime) -> Verdict:
    """The state to show, and the cause that keeps the service from being what people want."""
    if facts.desired != Desired.RUNNING:
        return _going_away(facts, now)
    if facts.wanted != facts.newest:
        return _building(facts, now)
    if facts.gave_up:
        return Phase.FAILED, facts.gave_up
    if facts.obstacle:
        return _in_time(facts, now, *_hindered(facts))
    return _in_time(facts, now, *_running(facts))


def _going_away(facts: Facts, now: datetime) -> Verdict:
    gone = not facts.observation.is_live and not facts.obstacle
    if gone and facts.desired == Desired.STOPPED:
        return Phase.STOPPED, None
    if _passed(facts.since, STOP_SECONDS, now):
        return Phase.FAILED, facts.obstacle or cause_of("stop_timeout")
    return Phase.TRANSITIONING, facts.obstacle


def _building(facts: Facts, now: datetime) -> Verdict:
    """The newest revision is not the wanted one yet: its build decides."""
    build = facts.build
    if build is None:
        return _overdue(facts.since, facts.build_seconds, now, cause_of("build_timeout"))
    if build.state in {JobState.FAILED, JobState.CANCELLED}:
        return Phase.FAILED, build.error or cause_of("build_failed")
    if build.state == JobState.QUEUED:
        return _waiting(build, facts.build_seconds, now)
    since = build.finished_at or build.started_at or build.created_at
    return _overdue(since, facts.build_seconds + GRACE_SECONDS, now, cause_of("build_timeout"))


def _waiting(build: BuildFacts, build_seconds: float, now: datetime) -> Verdict:
    """For a worker of ours, which is no question of room: it is on its way, as long as those before it may take."""
    if _passed(build.created_at, build_seconds * (1 + build.ahead), now):
        return Phase.FAILED, cause_of("no_worker")
    forgotten = not build.ahead and _passed(build.created_at, QUEUE_SECONDS, now)
    return Phase.TRANSITIONING, cause_of("no_worker") if forgotten else None


def _hindered(facts: Facts) -> Verdict:
    """The target cannot take the service, or cannot be asked about it."""
    if facts.obstacle and facts.obstacle["code"] == "no_room":
        return Phase.UNSCHEDULABLE, facts.obstacle
    return _moving(facts), facts.obstacle


def _running(facts: Facts) -> Verdict:
    found = facts.observation
    if found.revision != facts.wanted or found.state in {"absent", "stopping"}:
        return _moving(facts), cause_of("not_running") if facts.was_healthy else None
    if found.state == "ready":
        return Phase.HEALTHY, None
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
    if not _passed(facts.since, limit, now):
        return phase, cause
    return Phase.FAILED, cause or cause_of("start_timeout")


def _overdue(since: datetime | None, seconds: float, now: datetime, cause: Cause) -> Verdict:
    return (Phase.FAILED, cause) if _passed(since, seconds, now) else (Phase.TRANSITIONING, None)


def _passed(since: datetime | None, seconds: float, now: datetime) -> bool:
    return since is not None and now - since > timedelta(seconds=seconds)


def _explained(found: Observation) -> Cause | None:
    if found.failure is None:
        return None
    return cause_of(found.failure.reason, found.failure.message, found.failure.evidence, found.failure.hint)
