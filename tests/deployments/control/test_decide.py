"""The next step of a service, from its facts."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deployments.control.decide import KEPT, REMOVE, RUN, RUN_AND_SERVE, STOP, Decision, decide
from deployments.control.service_phase import BuildFacts, InstanceFacts, ServiceFacts
from deployments.models import Desired, InstanceDesired, Phase
from deployments.targets.observation import Observation

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
BUILT, UNBUILT = BuildFacts("succeeded", NOW), BuildFacts("running", NOW)
SERVICE = ServiceFacts(Desired.RUNNING, wanted=1, traffic=1, changed_at=NOW, build=BUILT)


def answering(revision: int) -> InstanceFacts:
    found = Observation.of_one("ready", revision=revision, serving=True)
    return InstanceFacts(revision, serving=True, phase=Phase.HEALTHY, observation=found)


def ready(revision: int, **facts) -> InstanceFacts:
    found = Observation.of_one("ready", revision=revision)
    return InstanceFacts(revision, **{"phase": Phase.HEALTHY, "observation": found} | facts)


def moving(revision: int, phase: Phase = Phase.TRANSITIONING) -> InstanceFacts:
    return InstanceFacts(revision, phase=phase, observation=Observation.of_one("starting", revision=revision))


def stopped(revision: int) -> InstanceFacts:
    return InstanceFacts(revision, InstanceDesired.STOPPED, phase=Phase.STOPPED)


def removed(revision: int) -> InstanceFacts:
    return InstanceFacts(revision, InstanceDesired.REMOVED)


def service(*instances: InstanceFacts, **facts) -> ServiceFacts:
    return replace(SERVICE, instances=instances, **facts)


@pytest.mark.parametrize(
    ("facts", "decision"),
    [
        # the first revision
        (service(traffic=None, build=UNBUILT), Decision()),
        (service(traffic=None), Decision({1: RUN_AND_SERVE}, 1)),
        (service(answering(1)), Decision({1: RUN_AND_SERVE}, 1)),
        # an update: built, proven, moved, handed over
        (service(answering(1), wanted=2, build=UNBUILT), Decision({1: RUN_AND_SERVE})),
        (service(answering(1), wanted=2), Decision({1: RUN_AND_SERVE, 2: RUN})),
        (service(answering(1), moving(2), wanted=2), Decision({1: RUN_AND_SERVE, 2: RUN})),
        (service(answering(1), moving(2, Phase.FAILED), wanted=2), Decision({1: RUN_AND_SERVE, 2: RUN})),
        (service(answering(1), ready(2), wanted=2), Decision({2: RUN_AND_SERVE}, 2)),
        (service(answering(1), ready(2, serving=True), wanted=2, traffic=2), Decision({2: RUN_AND_SERVE}, 2)),
        (service(answering(1), answering(2), wanted=2, traffic=2), Decision({1: STOP, 2: RUN_AND_SERVE}, 2)),
        # one that has failed is overtaken by the next
        (
            service(answering(1), moving(2, Phase.FAILED), wanted=3),
            Decision({1: RUN_AND_SERVE, 2: STOP, 3: RUN}),
        ),
        # back to the one before: from one that has the requests, and from one that has not
        (service(stopped(1), answering(2), traffic=2), Decision({1: RUN, 2: RUN_AND_SERVE})),
        (service(answering(1), moving(2)), Decision({1: RUN_AND_SERVE, 2: STOP}, 1)),
        # what answered before is gone and is not started again
        (
            service(moving(1, Phase.UNHEALTHY), ready(2, serving=True), wanted=2, traffic=2),
            Decision({1: STOP, 2: RUN_AND_SERVE}, 2),
        ),
        # several at once: those beside the default one run and never answer at the service's own address
        (service(answering(1), beside=(2,)), Decision({1: RUN_AND_SERVE, 2: RUN}, 1)),
        (service(answering(1), ready(2), beside=(2,)), Decision({1: RUN_AND_SERVE, 2: RUN}, 1)),
        (service(answering(1), moving(2, Phase.FAILED), beside=(2,)), Decision({1: RUN_AND_SERVE, 2: RUN}, 1)),
        (service(answering(1), ready(2), ready(3), beside=(3,)), Decision({1: RUN_AND_SERVE, 2: STOP, 3: RUN}, 1)),
        # an update while others run: they go on until it is proven, and then lose their rows
        (service(answering(1), ready(2), wanted=3, beside=(2,)), Decision({1: RUN_AND_SERVE, 2: RUN, 3: RUN})),
        (
            service(answering(1), ready(2), wanted=3, build=UNBUILT, beside=(2,)),
            Decision({1: RUN_AND_SERVE, 2: RUN}),
        ),
        (service(answering(1), ready(2), ready(3), wanted=3, beside=(2,)), Decision({3: RUN_AND_SERVE}, 3)),
        # the default moves to one that runs already; the one before goes on answering until it does, and stays beside
        (
            service(answering(1), ready(2), wanted=2, traffic=2, beside=(1,)),
            Decision({2: RUN_AND_SERVE}, 2),
        ),
        (
            service(answering(1), answering(2), wanted=2, traffic=2, beside=(1,)),
            Decision({1: RUN, 2: RUN_AND_SERVE}, 2),
        ),
        # stopped and deleted with all of them
        (
            service(answering(1), ready(2), desired=Desired.STOPPED, beside=(2,)),
            Decision({1: STOP, 2: STOP}),
        ),
        # on the way out
        (service(answering(1), moving(2), desired=Desired.STOPPED), Decision({1: STOP, 2: STOP})),
        (service(answering(1), removed(2), desired=Desired.STOPPED), Decision({1: STOP, 2: REMOVE})),
        (service(answering(1), stopped(2), desired=Desired.DELETED), Decision({1: REMOVE, 2: REMOVE})),
        (service(desired=Desired.DELETED), Decision(gone=True)),
    ],
)
def test_facts_have_a_next_step(facts, decision):
    assert decide(facts) == decision


def test_only_the_newest_stopped_instances_are_kept():
    old = [stopped(number) for number in range(1, KEPT + 2)]
    wants = decide(service(*old, answering(KEPT + 2), wanted=KEPT + 2, traffic=KEPT + 2)).wants
    assert [number for number, want in sorted(wants.items()) if want == REMOVE] == [1, 2]


def test_instance_being_removed_stays_in_removal():
    assert decide(service(removed(1), answering(2), wanted=2, traffic=2)).wants[1] == REMOVE
