"""Pure: the steps of a deployment, for the stepper: queued → environment → image → rollout → healthy."""

from dataclasses import dataclass
from datetime import datetime

from deployments.control.service_phase import BuildFacts, InstanceFacts, ServiceFacts, phase_of_service, update_of
from deployments.models import Desired, Phase
from studio.core.jobs import JobState

NAMES = ("queued", "environment", "image", "rollout", "healthy")
QUEUED, ENVIRONMENT, IMAGE, ROLLOUT, HEALTHY = range(5)
IN_IMAGE = ("bundle", "image")  # steps of a build


@dataclass(frozen=True)
class Step:
    """`tone` is a badge's: ok, busy, warn, bad, idle. `seconds` it took, or has taken so far, if that is known."""

    name: str
    tone: str
    started: datetime | None = None
    seconds: float | None = None
    detail: str = ""  # what it waits for

    def as_dict(self) -> dict[str, str | float | None]:
        return {"name": self.name, "state": self.tone, "seconds": self.seconds, "detail": self.detail}


def steps_of(facts: ServiceFacts, now: datetime) -> list[Step]:
    """All five; those before the current one are ok, those after it idle."""
    current, tone = _current(facts, now)
    times = _times(facts, now)
    steps = []
    for index, name in enumerate(NAMES):
        state = "ok" if index < current else tone if index == current else "idle"
        started, ended = times[index]
        begun = started if state != "idle" else None
        seconds = max(0.0, round(((ended or now) - begun).total_seconds(), 1)) if begun and _measured(index) else None
        steps.append(Step(name, state, begun, seconds, _detail(facts.build) if state == "busy" and not index else ""))
    return steps


def _detail(build: BuildFacts | None) -> str:
    """What a deployment in the queue waits for."""
    if build is None or build.state != JobState.QUEUED:
        return ""
    return f"waiting for a worker; {build.ahead} before it" if build.ahead else "waiting for a worker"


def _measured(index: int) -> bool:
    return index != HEALTHY


def _current(facts: ServiceFacts, now: datetime) -> tuple[int, str]:
    """Which step the deployment of the wanted revision is at, and how it stands there."""
    phase, _ = phase_of_service(facts, now)
    if update := update_of(facts, now):
        phase = update["state"]
    instance = facts.instance(facts.wanted)
    if instance is None or not facts.is_built:
        return _build_step(facts.build), "bad" if phase == Phase.FAILED else "busy"
    if facts.desired != Desired.RUNNING:
        return ROLLOUT, "idle"
    if phase == Phase.HEALTHY:
        return HEALTHY, "ok"
    if instance.serving and (instance.was_healthy or instance.observation.state == "unreachable"):
        return HEALTHY, {Phase.FAILED: "bad", Phase.TRANSITIONING: "busy"}.get(phase, "warn")
    return ROLLOUT, {Phase.FAILED: "bad", Phase.UNSCHEDULABLE: "warn"}.get(phase, "busy")


def _build_step(build: BuildFacts | None) -> int:
    if build is None or build.state == JobState.QUEUED or build.started_at is None:
        return QUEUED
    if build.state == JobState.SUCCEEDED:
        return ROLLOUT
    return IMAGE if build.step in IN_IMAGE else ENVIRONMENT


def _times(facts: ServiceFacts, now: datetime) -> list[tuple[datetime | None, datetime | None]]:
    """When each step began and ended, as far as it is kept. A build keeps its start and end, not its steps'."""
    build, instance = facts.build, facts.instance(facts.wanted)
    queued = (build.created_at, build.started_at or build.finished_at) if build else (None, None)
    built = (build.started_at, build.finished_at) if build else (None, None)
    in_bundle = build is not None and build.step in IN_IMAGE
    environment, image = ((None, None), built) if in_bundle else (built, (None, None))
    rollout = _rollout(instance, now) if instance else (None, None)
    return [queued, environment, image, rollout, (rollout[1], None)]


def _rollout(instance: InstanceFacts, now: datetime) -> tuple[datetime | None, datetime | None]:
    found = instance.observation
    return _moment(found.started_at, now), _moment(found.ready_at or found.ended_at, now)


def _moment(seconds: float | None, like: datetime) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, like.tzinfo)
