"""One operation of a service at a time: what is under way, and what may be asked for meanwhile.

`MEANWHILE` is the whole rule. Ending always wins: a service may be stopped and deleted whatever is under way. What
moves requests to another revision is ended by a rollback, and nothing else is begun on top of it: of two changes at
once nobody could tell which one a figure, a failure or a rollback belongs to. While nothing answers yet, a newer
revision harms nobody; and more or fewer replicas change neither revisions nor shares.

Checked against the service as it was read. Whoever asks changes the row for that generation only
(deployments.desired_state.change), so that of two that are asked for at once one is refused.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils import timezone

from deployments.control.facts import facts_of
from deployments.control.service_phase import ServiceFacts, phase_of_service, update_of
from deployments.errors import BeingDeleted, IsDevelopment, NothingAnswers, OperationUnderWay, ServiceIsStopped
from deployments.models import Desired, Phase, Service
from deployments.rollouts.moving import running


class Verb(StrEnum):
    """What is asked for, as refusals say it."""

    UPDATE = "'{name}' cannot be updated"
    ROLL_BACK = "'{name}' cannot be rolled back"
    START = "'{name}' cannot be started"
    STOP = "'{name}' cannot be stopped"
    CHANGE_TRAFFIC = "The traffic of '{name}' cannot be changed"
    ROLL_OUT = "A rollout of '{name}' cannot begin"
    SCALE = "'{name}' cannot be scaled"
    DELETE = "'{name}' cannot be deleted"


class State(StrEnum):
    """Where a service stands, as operations see it; in words, where it is an operation."""

    FREE = "nothing"
    FIRST_DEPLOYMENT = "the first deployment"
    NOT_DEPLOYED = "a build that has failed"
    UPDATE = "the update to revision {revision}"
    ROLLBACK = "the rollback to revision {revision}"
    ROLLOUT = "the rollout to revision {revision}"
    START = "the start"
    STOP = "the stop"
    STOPPED = "stopped"
    DELETION = "the deletion"


ENDING = frozenset({Verb.STOP, Verb.DELETE})
ALWAYS = ENDING | {Verb.SCALE}
MEANWHILE: dict[State, frozenset[Verb]] = {
    State.FREE: frozenset(Verb),
    State.FIRST_DEPLOYMENT: ALWAYS | {Verb.UPDATE},
    State.NOT_DEPLOYED: ALWAYS | {Verb.UPDATE, Verb.START, Verb.ROLL_BACK},
    State.UPDATE: ALWAYS | {Verb.ROLL_BACK},
    State.ROLLBACK: ALWAYS | {Verb.ROLL_BACK},
    State.ROLLOUT: ALWAYS | {Verb.ROLL_BACK},
    State.START: ALWAYS | {Verb.START, Verb.UPDATE, Verb.ROLL_BACK},
    State.STOP: ALWAYS | {Verb.START, Verb.UPDATE, Verb.ROLL_BACK},
    State.STOPPED: ALWAYS | {Verb.START, Verb.UPDATE, Verb.ROLL_BACK},
    State.DELETION: frozenset({Verb.DELETE}),
}
# A reload takes the place of one that is still under way: whoever edits has no use for the one before.
SUPERSEDED = {(State.UPDATE, Verb.UPDATE), (State.ROLLBACK, Verb.UPDATE)}
NOT_FOR_DEVELOPMENT = frozenset({Verb.CHANGE_TRAFFIC, Verb.ROLL_OUT})
WAYS_OUT = {
    State.FIRST_DEPLOYMENT: "Wait until it has ended, or stop it: slipway service stop {name}.",
    State.UPDATE: "Wait until it has ended, or roll it back: slipway service rollback {name}.",
    State.ROLLBACK: "Wait until it has ended, or roll back further: slipway service rollback {name} --to N.",
    State.ROLLOUT: "Wait until it has ended, or abort it: slipway service rollout abort {name}.",
    State.START: "Wait until it answers, or stop it: slipway service stop {name}.",
    State.STOP: "Wait until it has ended, or start it again: slipway service start {name}.",
}


@dataclass(frozen=True)
class Operation:
    """`revision`: that it leads to; 0 where it leads to none."""

    state: State
    revision: int = 0

    def __str__(self) -> str:
        return self.state.format(revision=self.revision)


def check(service: Service, verb: Verb, facts: ServiceFacts | None = None) -> None:
    """Raises `OperationUnderWay`, which names it, `BeingDeleted`, `ServiceIsStopped`, `NothingAnswers`, and
    `IsDevelopment` for what has no meaning there."""
    found = operation_of(service, facts)
    if service.development and verb in NOT_FOR_DEVELOPMENT:
        raise IsDevelopment(service.name, verb.format(name=service.name))
    if verb in MEANWHILE[found.state] or (service.development and (found.state, verb) in SUPERSEDED):
        return
    if found.state == State.DELETION:
        raise BeingDeleted(service.name)
    refused = verb.format(name=service.name)
    if found.state == State.STOPPED:
        raise ServiceIsStopped(refused, service.name)
    if found.state == State.NOT_DEPLOYED:
        raise NothingAnswers(refused, service.name)
    raise OperationUnderWay(f"{refused} now: {found} is under way.", WAYS_OUT[found.state].format(name=service.name))


def operation_of(service: Service, facts: ServiceFacts | None = None) -> Operation:
    """What is under way."""
    rollout = running(service) if service.desired == Desired.RUNNING else None
    if rollout:
        return Operation(State.ROLLOUT, rollout.candidate)
    return state_of(facts or facts_of(service), service.last_revision, timezone.now())


def under_way(service: Service, facts: ServiceFacts | None = None) -> str | None:
    """In words; None where nothing is."""
    found = operation_of(service, facts)
    return None if found.state in {State.FREE, State.NOT_DEPLOYED, State.STOPPED} else str(found)


def state_of(facts: ServiceFacts, last_revision: int, now: datetime) -> Operation:
    """Pure: the same where no rollout runs."""
    if facts.desired == Desired.DELETED:
        return Operation(State.DELETION)
    phase, _ = phase_of_service(facts, now)
    if facts.desired == Desired.STOPPED:
        return Operation(State.STOP if phase == Phase.TRANSITIONING else State.STOPPED)
    if facts.traffic is None:
        return Operation(State.NOT_DEPLOYED if phase == Phase.FAILED else State.FIRST_DEPLOYMENT)
    if update := update_of(facts, now):
        kind = State.ROLLBACK if facts.wanted < last_revision else State.UPDATE
        return Operation(State.FREE) if update["state"] == Phase.FAILED else Operation(kind, facts.wanted)
    answers = any(one.observation.serving and one.observation.state == "ready" for one in facts.instances)
    return Operation(State.START if phase == Phase.TRANSITIONING and not answers else State.FREE)
