"""Pure: what the service-level step wants of a service's instances and traffic, from the facts alone.

The service's own address is answered by the instance of one revision, the default one: `serving`. Revisions that run
beside it, with a share of what comes through the front or none, never answer there.

It says the same however often it is asked, and what it says is always one step: when it has been done and found to be
so, the next one follows.
"""

from dataclasses import dataclass, field

from deployments.control.service_phase import InstanceFacts, ServiceFacts
from deployments.models import Desired, InstanceDesired, Phase

KEPT = 5  # instances of a service whose rows and logs are kept
KEPT_OF_DEVELOPMENT = 2  # the present one and the one before it


@dataclass(frozen=True)
class Want:
    """Of one instance."""

    desired: InstanceDesired
    serving: bool = False


RUN_AND_SERVE = Want(InstanceDesired.RUNNING, serving=True)
RUN = Want(InstanceDesired.RUNNING)
STOP = Want(InstanceDesired.STOPPED)
REMOVE = Want(InstanceDesired.REMOVED)


@dataclass(frozen=True)
class Decision:
    """`wants`: by number of revision; instances that it does not name stay as they are. `traffic`: the revision that
    gets all requests; None: it stays. `gone`: nothing is left of a deleted service."""

    wants: dict[int, Want] = field(default_factory=dict)
    traffic: int | None = None
    gone: bool = False


def decide(facts: ServiceFacts) -> Decision:
    """The next step."""
    if facts.desired == Desired.DELETED:
        wants = {instance.revision: REMOVE for instance in facts.instances}
        return Decision(wants, gone=not facts.instances)
    if facts.desired == Desired.STOPPED:
        return Decision({instance.revision: _ended(instance) for instance in facts.instances} | _forgotten(facts))
    beside = dict.fromkeys(facts.beside, RUN)
    if not facts.is_built:
        return Decision(_others_end(facts, facts.traffic) | beside | _run_and_serve(facts.traffic))
    if not facts.is_update:
        return Decision(_handed_over(facts), facts.wanted)
    return _updated(facts)


def _updated(facts: ServiceFacts) -> Decision:
    """The wanted revision runs beside the one that serves and proves itself before the requests move to it."""
    before, new = facts.instance(facts.traffic), facts.instance(facts.wanted)
    if before is None or (new and new.is_proven):
        return Decision({facts.wanted: RUN_AND_SERVE}, facts.wanted)
    ending = _others_end(facts, before.revision, facts.wanted)
    return Decision(ending | dict.fromkeys(facts.beside, RUN) | {before.revision: RUN_AND_SERVE, facts.wanted: RUN})


def _handed_over(facts: ServiceFacts) -> dict[int, Want]:
    """The wanted revision has the traffic. Who answered before it goes on until it does, and then drains and ends, or
    runs on beside it."""
    new = facts.instance(facts.wanted)
    answered = new is not None and new.answers
    wants = _others_end(facts, facts.wanted) | dict.fromkeys(facts.beside, RUN)
    for other in facts.instances:
        if other.serving and other.observation.is_live and not answered and other.revision != facts.wanted:
            del wants[other.revision]
    return wants | {facts.wanted: RUN_AND_SERVE}


def _run_and_serve(revision: int | None) -> dict[int, Want]:
    return {} if revision is None else {revision: RUN_AND_SERVE}


def _others_end(facts: ServiceFacts, *but: int | None) -> dict[int, Want]:
    wants = {instance.revision: _ended(instance) for instance in facts.instances if instance.revision not in but}
    return wants | {revision: want for revision, want in _forgotten(facts).items() if revision not in but}


def _ended(instance: InstanceFacts) -> Want:
    return REMOVE if instance.desired == InstanceDesired.REMOVED else STOP


def _forgotten(facts: ServiceFacts) -> dict[int, Want]:
    """Stopped ones beyond the newest few."""
    kept = KEPT_OF_DEVELOPMENT if facts.is_development else KEPT
    newest = sorted(facts.instances, key=lambda instance: -instance.revision)[:kept]
    old = [instance for instance in facts.instances if instance not in newest and instance.phase == Phase.STOPPED]
    return {instance.revision: REMOVE for instance in old}
