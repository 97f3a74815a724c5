"""Pure: a service's build, instances and traffic, and the clock → the state people see.

No state but Healthy, Stopped and Failed outlasts its deadline, as those of instances do not.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployments.causes import cause_of
from deployments.control.phases import ABSENT, GRACE_SECONDS, Cause, Verdict, passed
from deployments.models import Desired, InstanceDesired, Phase
from deployments.targets.observation import Observation
from studio.core.jobs import JobState

QUEUE_SECONDS = 60.0  # a build that waits longer although none is before it: that no worker takes it is told


@dataclass(frozen=True)
class BuildFacts:
    """What the build of the wanted revision tells."""

    state: str
    created_at: datetime
    step: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Cause | None = None
    ahead: int = 0  # builds that wait or run before this one


@dataclass(frozen=True)
class InstanceFacts:
    """What the service-level step sees of an instance. `serving`: it should answer at the service's address.
    `replicas`: how many of it should run; 0: it sleeps, once it has been healthy."""

    revision: int
    desired: str = InstanceDesired.RUNNING
    serving: bool = False
    phase: Phase = Phase.TRANSITIONING
    cause: Cause | None = None
    observation: Observation = ABSENT
    was_healthy: bool = False
    replicas: int = 1

    @property
    def is_proven(self) -> bool:
        """It runs and is ready for requests, or sleeps and was."""
        return self.desired == InstanceDesired.RUNNING and self.phase == Phase.HEALTHY

    @property
    def is_asleep(self) -> bool:
        """Nothing of it is to run until somebody asks."""
        return self.is_proven and self.replicas == 0

    @property
    def answers(self) -> bool:
        """It is what the service's address is answered by, or would be if it were awake."""
        return self.is_proven and self.serving and (self.observation.serving or self.is_asleep)


@dataclass(frozen=True)
class ServiceFacts:
    """Everything a service's state depends on.

    `wanted` is the revision that people want, `traffic` the default one, which gets what no other one does of the
    requests; `beside` are the others that have a row of traffic and are built. `changed_at` is when people last changed
    what they want, `build` the build of the wanted revision.
    """

    desired: str
    wanted: int
    traffic: int | None
    changed_at: datetime
    build: BuildFacts | None = None
    instances: tuple[InstanceFacts, ...] = ()
    build_seconds: float = 1800.0
    beside: tuple[int, ...] = ()
    is_development: bool = False

    @property
    def is_built(self) -> bool:
        return self.build is not None and self.build.state == JobState.SUCCEEDED

    @property
    def is_update(self) -> bool:
        """A revision is wanted while another one has the traffic."""
        return self.desired == Desired.RUNNING and self.traffic not in {None, self.wanted}

    @property
    def is_asleep(self) -> bool:
        """No replica is to run of any of its revisions until somebody asks."""
        running = [one for one in self.instances if one.desired == InstanceDesired.RUNNING]
        return self.desired == Desired.RUNNING and bool(running) and all(one.is_asleep for one in running)

    def instance(self, revision: int | None) -> InstanceFacts | None:
        return next((instance for instance in self.instances if instance.revision == revision), None)

    @property
    def shown(self) -> InstanceFacts | None:
        """The instance that the service's address is answered by; else the one that should, or that is wanted."""
        serving = [instance for instance in self.instances if instance.observation.serving]
        preferred = [self.wanted, self.traffic]
        chosen = [found for found in serving if found.revision in preferred] or serving
        return next(iter(chosen), None) or self.instance(self.traffic) or self.instance(self.wanted)


def phase_of_service(facts: ServiceFacts, now: datetime) -> Verdict:
    """The state to show, and the cause that keeps the service from being what people want."""
    if facts.desired != Desired.RUNNING:
        return _going_away(facts)
    phase, cause = _of_wanted(facts, now)
    before = facts.instance(facts.traffic) if facts.is_update else None
    if before is None:
        return phase, cause
    if phase == Phase.FAILED:
        return before.phase, before.cause
    return Phase.TRANSITIONING, cause


def update_of(facts: ServiceFacts, now: datetime) -> dict[str, Any] | None:
    """How an update stands that is under way or has failed: `revision`, `state`, `error`; None where there is none."""
    if not facts.is_update:
        return None
    phase, cause = _of_wanted(facts, now)
    state = Phase.FAILED if phase == Phase.FAILED else Phase.TRANSITIONING
    return {"revision": facts.wanted, "state": state, "error": cause}


def _going_away(facts: ServiceFacts) -> Verdict:
    """Everything of the service ends; what does not is told first."""
    ending = sorted(facts.instances, key=lambda instance: instance.phase != Phase.FAILED)
    left = [instance for instance in ending if instance.phase != Phase.STOPPED]
    if left:
        phase = Phase.FAILED if left[0].phase == Phase.FAILED else Phase.TRANSITIONING
        cause = next((instance.cause for instance in left if instance.cause), None)
        return phase, cause or (cause_of("stop_timeout") if phase == Phase.FAILED else None)
    return (Phase.STOPPED if facts.desired == Desired.STOPPED else Phase.TRANSITIONING), None


def _of_wanted(facts: ServiceFacts, now: datetime) -> Verdict:
    """How the revision stands that people want."""
    instance = facts.instance(facts.wanted)
    if instance is None or not facts.is_built or instance.desired != InstanceDesired.RUNNING:
        return _building(facts, now)
    if instance.phase == Phase.HEALTHY and not (instance.answers and _answers_alone(facts)):
        return Phase.TRANSITIONING, None
    return instance.phase, instance.cause


def _answers_alone(facts: ServiceFacts) -> bool:
    """No other revision is still on its way out: from now on every request meets the wanted one."""
    others = [one for one in facts.instances if one.revision != facts.wanted]
    return not any(one.observation.serving and one.phase != Phase.FAILED for one in others)


def _building(facts: ServiceFacts, now: datetime) -> Verdict:
    """Its build decides."""
    build = facts.build
    if build is None:
        return _overdue(facts.changed_at, facts.build_seconds, now)
    if build.state in {JobState.FAILED, JobState.CANCELLED}:
        return Phase.FAILED, build.error or cause_of("build_failed")
    if build.state == JobState.QUEUED:
        return _waiting(build, facts.build_seconds, now)
    since = build.finished_at or build.started_at or build.created_at
    if build.state == JobState.SUCCEEDED:
        since = max(since, facts.changed_at)
    return _overdue(since, facts.build_seconds + GRACE_SECONDS, now)


def _waiting(build: BuildFacts, build_seconds: float, now: datetime) -> Verdict:
    """For a worker of ours, which is no question of room: it is on its way, as long as those before it may take."""
    if passed(build.created_at, build_seconds * (1 + build.ahead), now):
        return Phase.FAILED, cause_of("no_worker")
    forgotten = not build.ahead and passed(build.created_at, QUEUE_SECONDS, now)
    return Phase.TRANSITIONING, cause_of("no_worker") if forgotten else None


def _overdue(since: datetime, seconds: float, now: datetime) -> Verdict:
    return (Phase.FAILED, cause_of("build_timeout")) if passed(since, seconds, now) else (Phase.TRANSITIONING, None)
