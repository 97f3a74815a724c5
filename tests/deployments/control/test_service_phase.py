"""The state of a service and of its update from build, instances, traffic and clock; the steps of a deployment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from deployments.causes import cause_of
from deployments.control.service_phase import (
    BuildFacts,
    InstanceFacts,
    ServiceFacts,
    phase_of_service,
    update_of,
)
from deployments.control.steps import steps_of
from deployments.models import Desired, InstanceDesired, Phase
from deployments.targets.observation import Observation
from studio.core.jobs import JobState

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def build(state: str, age: float = 5.0, **facts) -> BuildFacts:
    started = None if state == JobState.QUEUED else ago(age - 1)
    return BuildFacts(state=state, created_at=ago(age), started_at=started, **facts)


def instance(revision: int, phase: Phase, *, serving: bool = False, code: str = "", **facts) -> InstanceFacts:
    live = "starting" if phase in {Phase.TRANSITIONING, Phase.UNHEALTHY} else "absent"
    state = "ready" if phase == Phase.HEALTHY else live
    observation = Observation.of_one(state, revision=revision, serving=serving)
    facts = {"observation": observation, "cause": cause_of(code) if code else None} | facts
    return InstanceFacts(revision, serving=serving, phase=phase, **facts)


BROKEN = instance(1, Phase.FAILED, code="init_failed")
UNREACHABLE = instance(1, Phase.UNHEALTHY, code="unreachable")
ANSWERS = instance(1, Phase.HEALTHY, serving=True)
RUNNING = ServiceFacts(
    Desired.RUNNING, wanted=1, traffic=1, changed_at=ago(5), build=build(JobState.SUCCEEDED), build_seconds=1000
)
DRAINED = instance(1, Phase.HEALTHY)
UPDATING = replace(RUNNING, wanted=2, instances=(ANSWERS,))
FIRST = replace(RUNNING, traffic=None)


def first_build(*made, **facts) -> ServiceFacts:
    return replace(FIRST, build=build(*made, **facts))


def update_build(*made, **facts) -> ServiceFacts:
    return replace(UPDATING, build=build(*made, **facts))


def beside(*found: InstanceFacts) -> ServiceFacts:
    return replace(UPDATING, instances=(ANSWERS, *found))


@pytest.mark.parametrize(
    ("facts", "phase", "code", "update"),
    [
        # one revision
        (replace(RUNNING, instances=(ANSWERS,)), Phase.HEALTHY, None, None),
        (replace(RUNNING, instances=(replace(ANSWERS, serving=False),)), Phase.TRANSITIONING, None, None),
        (
            replace(RUNNING, instances=(instance(1, Phase.FAILED, code="init_failed"),)),
            Phase.FAILED,
            "init_failed",
            None,
        ),
        (
            replace(RUNNING, instances=(instance(1, Phase.UNSCHEDULABLE, code="no_room"),)),
            Phase.UNSCHEDULABLE,
            "no_room",
            None,
        ),
        (replace(RUNNING, instances=()), Phase.TRANSITIONING, None, None),
        (
            replace(RUNNING, instances=(), changed_at=ago(1100), build=build("succeeded", 1100)),
            Phase.FAILED,
            "build_timeout",
            None,
        ),
        # its build
        (first_build(JobState.QUEUED), Phase.TRANSITIONING, None, None),
        (first_build(JobState.QUEUED, 90), Phase.TRANSITIONING, "no_worker", None),
        (first_build(JobState.QUEUED, 1001), Phase.FAILED, "no_worker", None),
        (first_build(JobState.QUEUED, 90, ahead=2), Phase.TRANSITIONING, None, None),
        (first_build(JobState.QUEUED, 2900, ahead=2), Phase.TRANSITIONING, None, None),
        (first_build(JobState.QUEUED, 3001, ahead=2), Phase.FAILED, "no_worker", None),
        (first_build(JobState.RUNNING), Phase.TRANSITIONING, None, None),
        (first_build(JobState.RUNNING, 1100), Phase.FAILED, "build_timeout", None),
        (first_build(JobState.FAILED, error=cause_of("package_unknown")), Phase.FAILED, "package_unknown", None),
        (first_build(JobState.CANCELLED), Phase.FAILED, "build_failed", None),
        (replace(FIRST, build=None), Phase.TRANSITIONING, None, None),
        # an update, while the revision before it answers
        (update_build(JobState.RUNNING), Phase.TRANSITIONING, None, ("Transitioning", None)),
        (update_build(JobState.FAILED, error=cause_of("disk_full")), Phase.HEALTHY, None, ("Failed", "disk_full")),
        (beside(), Phase.TRANSITIONING, None, ("Transitioning", None)),
        (beside(instance(2, Phase.TRANSITIONING)), Phase.TRANSITIONING, None, ("Transitioning", None)),
        (
            beside(instance(2, Phase.UNSCHEDULABLE, code="no_room")),
            Phase.TRANSITIONING,
            "no_room",
            ("Transitioning", "no_room"),
        ),
        (beside(instance(2, Phase.HEALTHY)), Phase.TRANSITIONING, None, ("Transitioning", None)),
        (beside(instance(2, Phase.FAILED, code="init_failed")), Phase.HEALTHY, None, ("Failed", "init_failed")),
        (
            replace(
                UPDATING,
                instances=(
                    instance(1, Phase.UNHEALTHY, code="unreachable"),
                    instance(2, Phase.FAILED, code="init_failed"),
                ),
            ),
            Phase.UNHEALTHY,
            "unreachable",
            ("Failed", "init_failed"),
        ),
        # the requests have moved
        (replace(beside(instance(2, Phase.HEALTHY, serving=True)), traffic=2), Phase.TRANSITIONING, None, None),
        (
            replace(UPDATING, instances=(DRAINED, instance(2, Phase.HEALTHY, serving=True)), traffic=2),
            Phase.HEALTHY,
            None,
            None,
        ),
        (replace(beside(instance(2, Phase.UNHEALTHY)), traffic=2), Phase.UNHEALTHY, None, None),
        # on the way out
        (replace(RUNNING, desired=Desired.STOPPED, instances=(ANSWERS,)), Phase.TRANSITIONING, None, None),
        (replace(RUNNING, desired=Desired.STOPPED), Phase.STOPPED, None, None),
        (replace(RUNNING, desired=Desired.STOPPED, instances=(instance(1, Phase.STOPPED),)), Phase.STOPPED, None, None),
        (
            replace(UPDATING, desired=Desired.STOPPED, instances=(instance(1, Phase.STOPPED),), build=build("failed")),
            Phase.STOPPED,
            None,
            None,
        ),
        (
            replace(
                RUNNING,
                desired=Desired.STOPPED,
                instances=(instance(1, Phase.STOPPED), instance(2, Phase.FAILED, code="stop_timeout")),
            ),
            Phase.FAILED,
            "stop_timeout",
            None,
        ),
        (replace(RUNNING, desired=Desired.DELETED), Phase.TRANSITIONING, None, None),
        (
            replace(RUNNING, desired=Desired.DELETED, instances=(instance(1, Phase.FAILED, code="not_removed"),)),
            Phase.FAILED,
            "not_removed",
            None,
        ),
    ],
)
def test_facts_have_a_state_a_cause_and_an_update(facts, phase, code, update):
    found, cause = phase_of_service(facts, NOW)
    told = update_of(facts, NOW)
    assert (found, cause and cause["code"]) == (phase, code)
    assert (told and (told["state"], told["error"] and told["error"]["code"])) == update


CODES = {Phase.FAILED: "internal", Phase.UNSCHEDULABLE: "no_room"}


def every_combination():
    builds = [None, *(build(state, age) for state in JobState for age in (5, 90))]
    phases = [None, *Phase]
    for desired, made, first, second, traffic, serving in product(
        Desired, builds, phases, phases, (None, 1, 2), (False, True)
    ):
        found = [
            instance(
                number, phase, serving=serving, code="internal" if phase in {Phase.FAILED, Phase.UNSCHEDULABLE} else ""
            )
            for number, phase in ((1, first), (2, second))
            if phase
        ]
        yield replace(UPDATING, desired=desired, build=made, traffic=traffic, instances=tuple(found))


def test_unhealthy_service_always_has_a_cause():
    for facts in every_combination():
        for clock in (NOW, NOW + timedelta(hours=2)):
            phase, cause = phase_of_service(facts, clock)
            if phase in {Phase.FAILED, Phase.UNSCHEDULABLE}:
                assert cause, facts
                assert cause["hint"], facts
            if phase in {Phase.HEALTHY, Phase.STOPPED}:
                assert cause is None, facts


def test_a_service_that_is_wanted_and_built_is_healthy_only_if_an_instance_answers():
    for facts in every_combination():
        if phase_of_service(facts, NOW)[0] == Phase.HEALTHY:
            assert facts.desired == Desired.RUNNING
            assert any(one.phase == Phase.HEALTHY for one in facts.instances)


def test_failed_update_has_a_cause():
    for facts in every_combination():
        told = update_of(facts, NOW)
        assert not told or told["state"] != "Failed" or told["error"], facts


def test_every_combination_has_five_steps_of_which_at_most_one_is_busy_or_bad():
    for facts in every_combination():
        steps = steps_of(facts, NOW)
        assert [step.name for step in steps] == ["queued", "environment", "image", "rollout", "healthy"]
        tones = [step.tone for step in steps]
        assert len([tone for tone in tones if tone in {"busy", "bad", "warn"}]) <= 1
        assert tones == sorted(tones, key=["ok", "busy", "warn", "bad", "idle"].index)


LOST = instance(1, Phase.UNHEALTHY, serving=True, was_healthy=True)


@pytest.mark.parametrize(
    ("facts", "tones"),
    [
        (first_build(JobState.QUEUED), "busy idle idle idle idle"),
        (first_build(JobState.RUNNING, step="environment"), "ok busy idle idle idle"),
        (first_build(JobState.RUNNING, step="bundle"), "ok ok busy idle idle"),
        (first_build(JobState.FAILED, step="environment"), "ok bad idle idle idle"),
        (replace(RUNNING, instances=(instance(1, Phase.TRANSITIONING, serving=True),)), "ok ok ok busy idle"),
        (replace(RUNNING, instances=(instance(1, Phase.FAILED, code="internal"),)), "ok ok ok bad idle"),
        (replace(RUNNING, instances=(LOST,)), "ok ok ok ok warn"),
        (replace(RUNNING, instances=(ANSWERS,)), "ok ok ok ok ok"),
        (update_build(JobState.FAILED, step="bundle"), "ok ok bad idle idle"),
        (beside(instance(2, Phase.FAILED, code="internal")), "ok ok ok bad idle"),
        (replace(RUNNING, desired=Desired.STOPPED, instances=(instance(1, Phase.STOPPED),)), "ok ok ok idle idle"),
    ],
)
def test_the_steps_of_a_deployment(facts, tones):
    assert [step.tone for step in steps_of(facts, NOW)] == tones.split()


@pytest.mark.parametrize(
    ("facts", "details"),
    [
        (build(JobState.QUEUED), "waiting for a worker"),
        (build(JobState.QUEUED, 90, ahead=3), "waiting for a worker; 3 before it"),
        (build(JobState.RUNNING, step="environment"), ""),
        (build(JobState.CANCELLED), ""),
    ],
)
def test_queued_deployment_shows_what_it_waits_for(facts, details):
    assert [step.detail for step in steps_of(replace(FIRST, build=facts), NOW)] == [details, "", "", "", ""]


def test_current_step_shows_its_duration():
    queued, environment, *rest = steps_of(first_build(JobState.RUNNING, 31, step="environment"), NOW)
    assert queued.seconds == 1
    assert environment.seconds == 30
    assert [step.seconds for step in rest] == [None, None, None]


def test_an_instance_that_is_not_wanted_running_counts_as_not_started():
    stopped = replace(instance(2, Phase.STOPPED), desired=InstanceDesired.STOPPED)
    assert phase_of_service(beside(stopped), NOW)[0] == Phase.TRANSITIONING
