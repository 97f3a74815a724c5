"""One visit to one instance: look at what is there, do the next missing thing, note what was found.

Knows rows and drivers but writes no row: reconcile.py owns the lease and the writing.
"""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from deployments.builds.builds import build_again
from deployments.builds.revision_images import image_for
from deployments.causes import cause_of, is_permanent
from deployments.config.deployment_config import config_of
from deployments.control import restart_backoff
from deployments.control.notes import Notes
from deployments.control.phases import Cause, Facts, phase_of
from deployments.models import Desired, Instance, InstanceDesired, Phase
from deployments.recipe.spec import ref_of, spec_for
from deployments.targets.base import Driver, NotBuilt, Obstacle, Route, TargetUnavailable
from deployments.targets.observation import Observation, without_ends
from deployments.traffic.withdrawal import is_withdrawn, withdraw

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"  # where services of targets that need ports answer
BRISK_SECONDS = 0.2  # between visits of what has just begun to move: people wait for each of its steps
BRISK_FOR_SECONDS = 10.0
MOVING_SECONDS = 1.0
QUIET_SECONDS = 60.0
IDLE_SECONDS = 600.0  # a revision that another one has replaced and that is kept for its log
OBSTACLE_SECONDS = 10.0
MAX_BACK_OFF_SECONDS = 60.0
UNWATCHED_SECONDS = 120.0  # longer than any pause between two visits: the machine slept, or no worker ran
DRAIN_SECONDS = 30.0  # how long connections of an instance that has handed over its address may stay open


@dataclass(frozen=True)
class Visit:
    """What a visit found and when to come again. `gone`: to be removed, and nothing of it is left."""

    phase: Phase
    cause: Cause | None
    notes: Notes
    seconds: float
    gone: bool = False


def visit(instance: Instance, driver: Driver, now: datetime) -> Visit:
    """Observe, take at most one step, judge. Never waits and never raises because of the target."""
    notes = _observed(instance, driver, now)
    facts = _facts(instance, notes)
    notes = _withdrawn(instance, _latch_permanent_failure(notes, facts, now), facts)
    facts = replace(facts, permanent_failure=notes.permanent_failure)
    pause = 0.0
    try:
        pause = _act(instance, driver, facts, notes, now)
        gone = instance.desired == InstanceDesired.REMOVED and not notes.obstacle and not driver.holds(ref_of(instance))
    except NotBuilt as missing:
        build_again(instance.revision)
        notes, gone = replace(notes, obstacle=cause_of(missing.code, str(missing))), False
    except Obstacle as met:
        notes, gone = replace(notes, obstacle=cause_of(met.code, str(met))), False
    except Exception as error:
        notes, gone = _target_unavailable(notes, error, instance), False
    facts = _facts(instance, notes)
    phase, cause = phase_of(facts, now)
    notes = _after_visit(notes, facts, phase)
    return Visit(phase, cause, notes, _due_in(instance, phase, notes, pause, driver, now), gone)


def _facts(instance: Instance, notes: Notes) -> Facts:
    return Facts(
        desired=instance.desired,
        serving=instance.serving,
        since=datetime.fromtimestamp(notes.since, UTC) if notes.since else None,
        observation=notes.observation,
        obstacle=notes.obstacle,
        permanent_failure=notes.permanent_failure,
        healthy_replicas=notes.healthy_replicas,
        replicas=_replicas(instance, notes),
        start_seconds=config_of(instance.revision).start_deadline_seconds,
    )


def _replicas(instance: Instance, notes: Notes) -> int:
    """What has not proven itself does not sleep yet."""
    return instance.replicas if notes.was_healthy else max(instance.replicas, 1)


def _observed(instance: Instance, driver: Driver, now: datetime) -> Notes:
    last = Notes.of(instance)
    try:
        found = driver.observe(ref_of(instance))
    except Exception as error:
        return _target_unavailable(_with_deadline_start(last, last.observation, instance, now), error, instance)
    notes = _with_deadline_start(last, found, instance, now)
    return replace(notes, observation=_without_earlier_ends(found, last), obstacle=None)


def _with_deadline_start(last: Notes, found: Observation, instance: Instance, now: datetime) -> Notes:
    """A deadline begins with the first look at what is not Healthy, with another number of replicas, and with the first
    look at another process while no replica is ready.

    It begins anew after a time in which nobody looked: nothing was tried then, and what slept has not had that time.
    """
    wanted = _replicas(instance, last)
    another = found.started_at != last.observation.started_at and not found.ready(wanted)
    unwatched = not instance.observed_at or now - instance.observed_at > timedelta(seconds=UNWATCHED_SECONDS)
    begins = last.since is None or another or unwatched or last.replicas != wanted
    return replace(last, since=now.timestamp(), replicas=wanted) if begins else last


def _without_earlier_ends(found: Observation, last: Notes) -> Observation:
    """How a process ended before somebody changed what is wanted says nothing about what comes next: as long as there
    is no other process, nothing is there. Which one it was is kept in mind."""
    earlier = found.replicas if last.are_new else last.observation.replicas
    return without_ends(found, [one for one in earlier if last.are_new or one.state == "absent"])


def _target_unavailable(notes: Notes, error: Exception, instance: Instance) -> Notes:
    """The target could not be asked; an error of another kind is ours, and is logged with its traceback."""
    log.warning("instance %s: %s", instance.pk, error, exc_info=not isinstance(error, TargetUnavailable))
    evidence = f"{type(error).__name__}: {error}"
    return replace(notes, obstacle=cause_of("target_unavailable", evidence=evidence), errors=notes.errors + 1)


def _after_visit(notes: Notes, facts: Facts, phase: Phase) -> Notes:
    """What the next visit should know. Nobody waits for what is Healthy, and from now on anything less is a loss."""
    if phase == Phase.HEALTHY:
        notes = replace(notes, since=None, was_healthy=True, healthy_replicas=facts.replicas)
    return notes if notes.obstacle else replace(notes, errors=0)


def _latch_permanent_failure(notes: Notes, facts: Facts, now: datetime) -> Notes:
    """Once an instance has been tried and has failed for good, it stays so until somebody changes something."""
    phase, cause = phase_of(facts, now)
    tried = facts.desired == InstanceDesired.RUNNING and facts.observation.revision is not None
    if tried and phase == Phase.FAILED and cause and is_permanent(cause["code"]):
        return replace(notes, permanent_failure=cause)
    return notes


def _withdrawn(instance: Instance, notes: Notes, facts: Facts) -> Notes:
    """What is to end leaves the front first. It is left to end by itself where the whole service ends."""
    if instance.service.desired != Desired.RUNNING or facts.obstacle:
        return notes
    ends = facts.observation.beyond(facts.replicas if instance.desired == InstanceDesired.RUNNING else 0)
    return replace(notes, withdrawal=withdraw(instance.generation, notes.withdrawal) if ends else None)


def _act(instance: Instance, driver: Driver, facts: Facts, notes: Notes, now: datetime) -> float:
    """The next missing thing; gives the seconds to wait before it may be done, if it may not be done yet."""
    if facts.obstacle:
        return 0.0  # it could not even be looked at
    if instance.desired == InstanceDesired.REMOVED:
        driver.remove(ref_of(instance))
    elif instance.desired == InstanceDesired.STOPPED or facts.permanent_failure:
        _stop_or_drain(driver, instance, notes, now)
    else:
        return _run(instance, driver, facts, notes, now)
    return 0.0


def _stop_or_drain(driver: Driver, instance: Instance, notes: Notes, now: datetime) -> None:
    """A failed process that lives on is ended too; one that has ended keeps its traces until the next start.

    What another instance has taken over from first finishes what it is at.
    """
    if instance.desired == InstanceDesired.STOPPED and _drains(instance, notes, now):
        driver.drain(ref_of(instance))
    elif notes.observation.is_live or instance.desired == InstanceDesired.STOPPED:
        driver.stop(ref_of(instance))


def _drains(instance: Instance, notes: Notes, now: datetime) -> bool:
    """Also while the front may still send it something."""
    if instance.service.desired != Desired.RUNNING:
        return False
    found = notes.observation
    if found.is_live and not _has_left_the_front(notes, now):
        return True
    return (found.serving or found.connections > 0) and now - instance.changed_at < timedelta(seconds=DRAIN_SECONDS)


def _run(instance: Instance, driver: Driver, facts: Facts, notes: Notes, now: datetime) -> float:
    """Bring as many replicas up as are wanted, and end the others once nobody sends them anything."""
    wanted, surplus = facts.observation.first(facts.replicas), facts.observation.beyond(facts.replicas)
    pauses = _pauses(facts, now)
    if surplus or len(pauses) < len(wanted) or not wanted:
        if any(not one.is_live or one.serving != instance.serving for one in wanted):
            _apply_route(instance, driver)
        stays = surplus and not _has_left_the_front(notes, now)
        keep = max(one.number for one in surplus) if stays else 0
        image = image_for(instance.revision, instance.target)
        spec = replace(spec_for(instance), replicas=facts.replicas, image=image)
        driver.apply(spec, keep=keep, paused=pauses)
    return min(pauses.values(), default=0.0)


def _has_left_the_front(notes: Notes, now: datetime) -> bool:
    return notes.withdrawal is not None and is_withdrawn(notes.withdrawal, now)


def _pauses(facts: Facts, now: datetime) -> dict[int, float]:
    """By number of replica: how long those that have ended must still wait."""
    others_run = facts.observation.ready(facts.replicas) > 0
    found = {
        one.number: restart_backoff.seconds_to_next_start(one, now.timestamp(), others_run=others_run)
        for one in facts.observation.first(facts.replicas)
    }
    return {number: QUIET_SECONDS if pause is None else pause for number, pause in found.items() if pause != 0.0}


def _apply_route(instance: Instance, driver: Driver) -> None:
    """At the service's address: it is made known, and answered by this instance or not."""
    service = instance.service
    ref = ref_of(instance) if instance.serving else None
    driver.route(Route(service.pk, LOOPBACK if service.port else "", service.port, service.grpc_port, ref))
    if not instance.serving:
        driver.drain(ref_of(instance))


def _due_in(instance: Instance, phase: Phase, notes: Notes, pause: float, driver: Driver, now: datetime) -> float:
    if notes.errors:
        return min(MAX_BACK_OFF_SECONDS, 2.0**notes.errors)
    if pause:
        return min(pause, driver.resync_seconds if notes.observation.is_live else QUIET_SECONDS)
    if phase == Phase.HEALTHY:
        sleeps = not instance.replicas and not notes.observation.is_live
        return MOVING_SECONDS if notes.withdrawal else QUIET_SECONDS if sleeps else driver.resync_seconds
    if notes.obstacle:
        return OBSTACLE_SECONDS
    return _until_it_changes(instance, phase, notes, driver, now)


def _until_it_changes(instance: Instance, phase: Phase, notes: Notes, driver: Driver, now: datetime) -> float:
    if phase not in {Phase.STOPPED, Phase.FAILED}:
        has_just_begun = notes.since is not None and now.timestamp() - notes.since < BRISK_FOR_SECONDS
        return BRISK_SECONDS if has_just_begun else MOVING_SECONDS
    if notes.observation.is_live:
        return driver.resync_seconds
    is_replaced = phase == Phase.STOPPED and instance.service.desired == Desired.RUNNING
    return IDLE_SECONDS if is_replaced else QUIET_SECONDS
