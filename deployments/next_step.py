"""One visit to one service: look at what is there, do the next missing thing, note what was found.

Knows rows and drivers but writes no row: reconcile.py owns the lease and the writing.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from deployments import restarts
from deployments.activation import activate
from deployments.causes import cause_of
from deployments.facts import Notes, build_of, gather, newest_revision, wanted_revision
from deployments.models import Desired, Phase, Revision, Service
from deployments.phases import Cause, Facts, phase_of
from deployments.spec import spec_for
from deployments.targets.base import Driver, NoRoom, Observation, TargetAway
from studio.core.jobs import JobState

log = logging.getLogger(__name__)

MOVING_SECONDS = 1.0
QUIET_SECONDS = 60.0
NO_ROOM_SECONDS = 10.0
MAX_BACK_OFF_SECONDS = 60.0


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
    notes = _observed(service, driver, wanted, now)
    facts = gather(service, newest, wanted, notes)
    notes = _give_up_or_on(notes, facts, now)
    pause = 0.0
    try:
        pause = _act(service, driver, replace(facts, gave_up=notes.gave_up), newest, wanted, now)
        gone = service.desired == Desired.DELETED and not notes.obstacle and not driver.holds(service.pk)
    except NoRoom as full:
        notes, gone = replace(notes, obstacle=cause_of("no_room", str(full))), False
    except Exception as error:
        notes, gone = _away(notes, error, service), False
    notes = notes if notes.obstacle else replace(notes, errors=0)
    phase, cause = phase_of(gather(service, newest, wanted, notes), now)
    return Visit(phase, cause, notes, _due_in(phase, notes, pause, driver), gone)


def _observed(service: Service, driver: Driver, wanted: Revision | None, now: datetime) -> Notes:
    before = Notes.of(service)
    try:
        found = _of_now(driver.observe(service.pk), service)
    except Exception as error:
        return _away(before, error, service)
    since = None if found.state == "ready" else before.unready_since or _just_lost(service, before, wanted, now)
    return replace(before, observation=found, obstacle=None, unready_since=since)


def _of_now(found: Observation, service: Service) -> Observation:
    """How a process ended before somebody changed what is wanted says nothing about what comes next."""
    changed = service.observed_generation != service.generation
    return Observation("absent") if changed and found.state in {"failed", "dead"} else found


def _just_lost(service: Service, before: Notes, wanted: Revision | None, now: datetime) -> float | None:
    """It was ready at the last visit, and nobody has asked for anything else since."""
    was_ready = before.observation.state == "ready" and wanted and before.observation.revision == wanted.number
    return now.timestamp() if was_ready and service.observed_generation == service.generation else None


def _away(notes: Notes, error: Exception, service: Service) -> Notes:
    """The target could not be asked; an error of another kind is ours, and is logged with its traceback."""
    log.warning("service %s: %s", service.pk, error, exc_info=not isinstance(error, TargetAway))
    evidence = f"{type(error).__name__}: {error}"
    return replace(notes, obstacle=cause_of("target_unavailable", evidence=evidence), errors=notes.errors + 1)


def _give_up_or_on(notes: Notes, facts: Facts, now: datetime) -> Notes:
    """Once a revision has failed for good, it stays so until somebody changes something."""
    phase, cause = phase_of(facts, now)
    built = facts.desired == Desired.RUNNING and facts.wanted == facts.newest
    if built and phase == Phase.FAILED and cause and cause["code"] in restarts.PERMANENT:
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
        pause = restarts.seconds_to_next_start(found, now.timestamp())
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
        return NO_ROOM_SECONDS
    if phase in {Phase.STOPPED, Phase.FAILED}:
        return driver.resync_seconds if notes.observation.is_live else QUIET_SECONDS
    return MOVING_SECONDS
