"""One visit to one instance: look at what is there, do the next missing thing, note what was found.

Knows rows and drivers but writes no row: reconcile.py owns the lease and the writing.
"""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.conf import settings

from deployments.builds.builds import build_again
from deployments.causes import cause_of, is_permanent
from deployments.config.deployment_config import config_of
from deployments.control import restart_backoff
from deployments.control.notes import Notes
from deployments.control.phases import Cause, Facts, phase_of
from deployments.models import Desired, Instance, InstanceDesired, Phase
from deployments.recipe.spec import ref_of, spec_for
from deployments.targets.base import Driver, NotBuilt, Observation, Obstacle, Route, TargetUnavailable

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
FRONT_SECONDS = 2.0  # after which the front sends nothing any more to an instance that is to stop
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
    notes = _latch_permanent_failure(notes, facts, now)
    pause = 0.0
    try:
        pause = _act(instance, driver, replace(facts, permanent_failure=notes.permanent_failure), now)
        gone = instance.desired == InstanceDesired.REMOVED and not notes.obstacle and not driver.holds(ref_of(instance))
    except NotBuilt as missing:
        build_again(instance.revision)
        notes, gone = replace(notes, obstacle=cause_of(missing.code, str(missing))), False
    except Obstacle as met:
        notes, gone = replace(notes, obstacle=cause_of(met.code, str(met))), False
    except Exception as error:
        notes, gone = _target_unavailable(notes, error, instance), False
    phase, cause = phase_of(_facts(instance, notes), now)
    notes = _after_visit(notes, phase)
    return Visit(phase, cause, notes, _due_in(instance, phase, notes, pause, driver, now), gone)


def _facts(instance: Instance, notes: Notes) -> Facts:
    return Facts(
        desired=instance.desired,
        serving=instance.serving,
        since=datetime.fromtimestamp(notes.since, UTC) if notes.since else None,
        observation=notes.observation,
        obstacle=notes.obstacle,
        permanent_failure=notes.permanent_failure,
        was_healthy=notes.was_healthy,
        start_seconds=config_of(instance.revision).start_deadline_seconds,
    )


def _observed(instance: Instance, driver: Driver, now: datetime) -> Notes:
    last = Notes.of(instance)
    try:
        found = driver.observe(ref_of(instance))
    except Exception as error:
        return _target_unavailable(_with_deadline_start(last, last.observation, instance, now), error, instance)
    notes = _with_deadline_start(last, found, instance, now)
    return replace(notes, observation=_without_earlier_end(found, last), obstacle=None)


def _with_deadline_start(last: Notes, found: Observation, instance: Instance, now: datetime) -> Notes:
    """A deadline begins with the first look at what is not Healthy, and with the first at another process.

    It begins anew after a time in which nobody looked: nothing was tried then, and what slept has not had that time.
    """
    another = found.started_at != last.observation.started_at
    unwatched = not instance.observed_at or now - instance.observed_at > timedelta(seconds=UNWATCHED_SECONDS)
    return replace(last, since=now.timestamp()) if last.since is None or another or unwatched else last


def _without_earlier_end(found: Observation, last: Notes) -> Observation:
    """How a process ended before somebody changed what is wanted says nothing about what comes next: as long as there
    is no other process, nothing is there. `started_at` keeps in mind which one it was."""
    nothing = Observation("absent", started_at=found.started_at)
    ended_before = last.are_new or last.observation == nothing
    return nothing if ended_before and found.state in {"failed", "dead"} else found


def _target_unavailable(notes: Notes, error: Exception, instance: Instance) -> Notes:
    """The target could not be asked; an error of another kind is ours, and is logged with its traceback."""
    log.warning("instance %s: %s", instance.pk, error, exc_info=not isinstance(error, TargetUnavailable))
    evidence = f"{type(error).__name__}: {error}"
    return replace(notes, obstacle=cause_of("target_unavailable", evidence=evidence), errors=notes.errors + 1)


def _after_visit(notes: Notes, phase: Phase) -> Notes:
    """What the next visit should know. Nobody waits for what is Healthy, and from now on anything less is a loss."""
    if phase == Phase.HEALTHY:
        notes = replace(notes, since=None, was_healthy=True)
    return notes if notes.obstacle else replace(notes, errors=0)


def _latch_permanent_failure(notes: Notes, facts: Facts, now: datetime) -> Notes:
    """Once an instance has been tried and has failed for good, it stays so until somebody changes something."""
    phase, cause = phase_of(facts, now)
    tried = facts.desired == InstanceDesired.RUNNING and facts.observation.revision is not None
    if tried and phase == Phase.FAILED and cause and is_permanent(cause["code"]):
        return replace(notes, permanent_failure=cause)
    return notes


def _act(instance: Instance, driver: Driver, facts: Facts, now: datetime) -> float:
    """The next missing thing; gives the seconds to wait before it may be done, if it may not be done yet."""
    if facts.obstacle:
        return 0.0  # it could not even be looked at
    if instance.desired == InstanceDesired.REMOVED:
        driver.remove(ref_of(instance))
    elif instance.desired == InstanceDesired.STOPPED or facts.permanent_failure:
        _stop_or_drain(driver, instance, facts.observation, now)
    else:
        return _run(instance, driver, facts.observation, now)
    return 0.0


def _stop_or_drain(driver: Driver, instance: Instance, found: Observation, now: datetime) -> None:
    """A failed process that lives on is ended too; one that has ended keeps its traces until the next start.

    What another instance has taken over from first finishes what it is at.
    """
    if instance.desired == InstanceDesired.STOPPED and _drains(instance, found, now):
        driver.drain(ref_of(instance))
    elif found.is_live or instance.desired == InstanceDesired.STOPPED:
        driver.stop(ref_of(instance))


def _drains(instance: Instance, found: Observation, now: datetime) -> bool:
    """Also while the front may still send it something: it looks at its routing file four times a second."""
    handed_over = instance.service.desired == Desired.RUNNING and (found.serving or found.connections > 0)
    since, running = now - instance.changed_at, instance.service.desired == Desired.RUNNING
    if settings.FRONT["enabled"] and running and found.is_live and since < timedelta(seconds=FRONT_SECONDS):
        return True
    return handed_over and since < timedelta(seconds=DRAIN_SECONDS)


def _run(instance: Instance, driver: Driver, found: Observation, now: datetime) -> float:
    pause = restart_backoff.seconds_to_next_start(found, now.timestamp())
    if pause == 0.0:
        if not found.is_live or found.serving != instance.serving:
            _apply_route(instance, driver)
        driver.apply(spec_for(instance))
    return QUIET_SECONDS if pause is None else pause


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
        return min(pause, QUIET_SECONDS)
    if phase == Phase.HEALTHY:
        return driver.resync_seconds
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
