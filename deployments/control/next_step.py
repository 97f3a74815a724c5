"""One visit to one service: look at what is there, do the next missing thing, note what was found.

Knows rows and drivers but writes no row: reconcile.py owns the lease and the writing.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deployments.causes import cause_of
from deployments.control import restart_backoff
from deployments.control.facts import Notes, build_of, gather, newest_revision, wanted_revision
from deployments.control.phases import Cause, Facts, phase_of
from deployments.models import Desired, Phase, Revision, Service
from deployments.recipe.spec import spec_for
from deployments.targets.base import Driver, Observation, Obstacle, TargetAway
from deployments.traffic.activation import activate
from studio.core.jobs import JobState

log = logging.getLogger(__name__)

MOVING_SECONDS = 1.0
QUIET_SECONDS = 60.0
OBSTACLE_SECONDS = 10.0
MAX_BACK_OFF_SECONDS = 60.0
UNWATCHED_SECONDS = 120.0  # longer than any pause between two visits: the machine slept, or no worker ran


@dataclass(frozen=True)
class Visit:
    """What a visit found and when to come again. `gone`: deleted, and nothing of it is left."""

    phase: Phase
    cause: Cause | None
    notes: Notes
    seconds: float
    gone: bool = False


def visit(service: Service, driver: Driver, now: datetime) -> Visit:
    """Observe, take at most one step, judge. Never waits and never raises because of the target."""
    newest, wanted = newest_revision(service), wanted_revision(service)
    notes = _observed(service, driver, now)
    facts = gather(service, newest, wanted, notes)
    notes = _give_up_or_on(notes, facts, now)
    pause = 0.0
    try:
        pause = _act(service, driver, replace(facts, gave_up=notes.gave_up), newest, wanted, now)
        gone = service.desired == Desired.DELETED and not notes.obstacle and not driver.holds(service.pk)
    except Obstacle as met:
        notes, gone = replace(notes, obstacle=cause_of(met.code, str(met))), False
    except Exception as error:
        notes, gone = _away(notes, error, service), False
    phase, cause = phase_of(gather(service, newest, wanted, notes), now)
    notes = _kept(notes, phase)
    return Visit(phase, cause, notes, _due_in(phase, notes, pause, driver), gone)


def _observed(service: Service, driver: Driver, now: datetime) -> Notes:
    last = Notes.of(service)
    try:
        found = driver.observe(service.pk)
    except Exception as error:
        return _away(_timed(last, last.observation, service, now), error, service)
    return replace(_timed(last, found, service, now), observation=_of_now(found, last), obstacle=None)


def _timed(last: Notes, found: Observation, service: Service, now: datetime) -> Notes:
    """A deadline begins with the first look at what is not Healthy, and with the first at another process.

    It begins anew after a time in which nobody looked: nothing was tried then, and what slept has not had that time.
    """
    another = found.started_at != last.observation.started_at
    unwatched = not service.observed_at or now - service.observed_at > timedelta(seconds=UNWATCHED_SECONDS)
    return replace(last, since=now.timestamp()) if last.since is None or another or unwatched else last


def _of_now(found: Observation, last: Notes) -> Observation:
    """How a process ended before somebody changed what is wanted says nothing about what comes next: as long as there
    is no other process, nothing is there. `started_at` keeps in mind which one it was."""
    nothing = Observation("absent", started_at=found.started_at)
    ended_before = last.are_new or last.observation == nothing
    return nothing if ended_before and found.state in {"failed", "dead"} else found


def _away(notes: Notes, error: Exception, service: Service) -> Notes:
    """The target could not be asked; an error of another kind is ours, and is logged with its traceback."""
    log.warning("service %s: %s", service.pk, error, exc_info=not isinstance(error, TargetAway))
    evidence = f"{type(error).__name__}: {error}"
    return replace(notes, obstacle=cause_of("target_unavailable", evidence=evidence), errors=notes.errors + 1)


def _kept(notes: Notes, phase: Phase) -> Notes:
    """What the next visit should know. Nobody waits for a Healthy service, and from now on anything less is a loss."""
    if phase == Phase.HEALTHY:
        notes = replace(notes, since=None, was_healthy=True)
    return notes if notes.obstacle else replace(notes, errors=0)


def _give_up_or_on(notes: Notes, facts: Facts, now: datetime) -> Notes:
    """Once a revision has been tried and has failed for good, it stays so until somebody changes something."""
    phase, cause = phase_of(facts, now)
    tried = facts.desired == Desired.RUNNING and facts.wanted == facts.newest == facts.observation.revision
    if tried and phase == Phase.FAILED and cause and cause["code"] in restart_backoff.PERMANENT:
        return replace(notes, gave_up=cause)
    return notes


def _act(
    service: Service, driver: Driver, facts: Facts, newest: Revision | None, wanted: Revision | None, now: datetime
) -> float:
    """The next missing thing; gives the seconds to wait before it may be done, if it may not be done yet."""
    if facts.obstacle:
        return 0.0  # it could not even be looked at
    if service.desired == Desired.DELETED:
        driver.remove(service.pk)
    elif service.desired == Desired.STOPPED or facts.gave_up:
        _halt(driver, service, facts.observation)
    elif newest and _was_never_activated(newest, wanted):
        activate(newest)
    elif wanted:
        return _run(service, driver, wanted, facts.observation, now)
    return 0.0


def _halt(driver: Driver, service: Service, found: Observation) -> None:
    """A failed process that lives on is ended too; one that has ended keeps its traces until the next start."""
    if found.is_live or service.desired == Desired.STOPPED:
        driver.stop(service.pk)


def _was_never_activated(newest: Revision, wanted: Revision | None) -> bool:
    """The build ended, but the worker died before it could say so."""
    if wanted and wanted.number == newest.number:
        return False
    build = build_of(newest)
    return build is not None and build.state == JobState.SUCCEEDED


def _run(service: Service, driver: Driver, wanted: Revision, found: Observation, now: datetime) -> float:
    pause: float | None = 0.0
    if found.revision == wanted.number:
        pause = restart_backoff.seconds_to_next_start(found, now.timestamp())
    if pause == 0.0:
        driver.apply(spec_for(service, wanted))
    return QUIET_SECONDS if pause is None else pause


def _due_in(phase: Phase, notes: Notes, pause: float, driver: Driver) -> float:
    if notes.errors:
        return min(MAX_BACK_OFF_SECONDS, 2.0**notes.errors)
    if pause:
        return min(pause, QUIET_SECONDS)
    if phase == Phase.HEALTHY:
        return driver.resync_seconds
    if notes.obstacle:
        return OBSTACLE_SECONDS
    if phase in {Phase.STOPPED, Phase.FAILED}:
        return driver.resync_seconds if notes.observation.is_live else QUIET_SECONDS
    return MOVING_SECONDS
