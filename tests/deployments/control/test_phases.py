"""The state of an instance from its facts and the clock: a table of cases, and invariants over every combination."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from deployments.causes import cause_of
from deployments.control.phases import Facts, phase_of
from deployments.control.restart_backoff import LOOP
from deployments.models import InstanceDesired, Phase
from deployments.targets.observation import Failure, Observation, Replica

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CRASH = Failure("worker_crashed", "The server was ended by SIGSEGV.", "log")
BROKEN = Failure("init_failed", "init() raised KeyError", "Traceback")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def seen(state: str, **facts) -> Observation:
    return Observation.of_one(state, revision=2, **facts)


RUNNING = Facts(InstanceDesired.RUNNING, serving=True, since=ago(5), start_seconds=100)
BESIDE = replace(RUNNING, serving=False)
STOPPED = replace(RUNNING, desired=InstanceDesired.STOPPED)
REMOVED = replace(RUNNING, desired=InstanceDesired.REMOVED)
LOST = replace(RUNNING, healthy_replicas=1)


ONE_IS = {
    "failed": {"state": "failed", "failure": BROKEN},
    "dead": {"state": "dead", "failure": CRASH},
    "looping": {"state": "dead", "failure": CRASH, "restarts": LOOP},
    "ready": {"state": "ready", "serving": True},
}


def several(states: str, *, healthy_replicas: int = 0, **facts) -> Facts:
    """Three replicas are wanted; the observation has what `states` says, one after the other."""
    replicas = [
        Replica(number, **{"state": state, "revision": 2} | ONE_IS.get(state, {}))
        for number, state in enumerate(states.split(), 1)
    ]
    found = Observation(tuple(replicas))
    return replace(RUNNING, replicas=3, observation=found, healthy_replicas=healthy_replicas, **facts)


@pytest.mark.parametrize(
    ("facts", "phase", "code"),
    [
        # wanted
        (replace(RUNNING, observation=seen("ready", serving=True)), Phase.HEALTHY, None),
        (replace(RUNNING, observation=seen("ready")), Phase.TRANSITIONING, None),
        (replace(BESIDE, observation=seen("ready")), Phase.HEALTHY, None),
        (replace(RUNNING, observation=Observation()), Phase.TRANSITIONING, None),
        (replace(RUNNING, observation=seen("starting")), Phase.TRANSITIONING, None),
        (replace(RUNNING, observation=seen("stopping")), Phase.TRANSITIONING, None),
        (replace(RUNNING, observation=seen("unreachable")), Phase.UNHEALTHY, "unreachable"),
        (replace(RUNNING, observation=seen("failed", failure=BROKEN)), Phase.FAILED, "init_failed"),
        (replace(RUNNING, observation=seen("dead", failure=CRASH)), Phase.TRANSITIONING, "worker_crashed"),
        (replace(RUNNING, observation=seen("dead", failure=CRASH, restarts=LOOP)), Phase.FAILED, "worker_crashed"),
        (replace(RUNNING, observation=seen("starting", failure=CRASH, restarts=LOOP)), Phase.FAILED, "worker_crashed"),
        # was ready, and is not
        (replace(LOST, observation=seen("dead", failure=CRASH)), Phase.UNHEALTHY, "worker_crashed"),
        (replace(LOST, observation=seen("starting")), Phase.UNHEALTHY, None),
        (replace(LOST, observation=Observation()), Phase.UNHEALTHY, "not_running"),
        (replace(LOST, since=ago(200), observation=Observation()), Phase.FAILED, "not_running"),
        # too long
        (replace(RUNNING, since=ago(200), observation=seen("starting")), Phase.FAILED, "start_timeout"),
        (replace(RUNNING, since=ago(200), observation=seen("ready")), Phase.FAILED, "start_timeout"),
        (replace(RUNNING, since=ago(9999), observation=seen("ready", serving=True)), Phase.HEALTHY, None),
        (replace(RUNNING, since=None, observation=Observation()), Phase.TRANSITIONING, None),
        # several replicas
        (several("ready ready ready"), Phase.HEALTHY, None),
        (several("ready starting absent"), Phase.TRANSITIONING, None),
        (several("starting absent absent"), Phase.TRANSITIONING, None),
        (several("ready starting absent", since=ago(200)), Phase.FAILED, "replicas_missing"),
        (several("ready ready dead"), Phase.TRANSITIONING, None),
        (several("ready ready dead", healthy_replicas=2), Phase.TRANSITIONING, None),
        (several("ready ready dead", healthy_replicas=3), Phase.UNHEALTHY, "replicas_missing"),
        (several("ready ready starting", healthy_replicas=4), Phase.UNHEALTHY, "replicas_missing"),
        (several("ready failed ready"), Phase.TRANSITIONING, None),
        (several("ready looping ready"), Phase.UNHEALTHY, "replicas_missing"),
        (several("unreachable ready ready", healthy_replicas=3), Phase.UNHEALTHY, "replicas_missing"),
        (several("failed starting starting"), Phase.TRANSITIONING, "init_failed"),
        (several("failed failed failed"), Phase.FAILED, "init_failed"),
        (several("failed looping failed"), Phase.FAILED, "init_failed"),
        (several("looping looping looping"), Phase.FAILED, "worker_crashed"),
        (several("dead dead dead", healthy_replicas=3), Phase.UNHEALTHY, "worker_crashed"),
        (several("ready ready ready ready"), Phase.HEALTHY, None),  # the fourth is on its way out
        # none
        (replace(LOST, replicas=0, observation=Observation()), Phase.HEALTHY, None),
        (replace(LOST, replicas=0, observation=seen("stopping")), Phase.HEALTHY, None),
        (replace(RUNNING, healthy_replicas=0, observation=Observation()), Phase.TRANSITIONING, None),  # it wakes
        # given up
        (replace(RUNNING, permanent_failure=cause_of("init_failed")), Phase.FAILED, "init_failed"),
        # the target
        (replace(RUNNING, obstacle=cause_of("no_room")), Phase.UNSCHEDULABLE, "no_room"),
        (replace(RUNNING, obstacle=cause_of("no_room"), since=ago(301)), Phase.FAILED, "no_room"),
        (replace(RUNNING, obstacle=cause_of("target_unavailable")), Phase.TRANSITIONING, "target_unavailable"),
        (replace(LOST, obstacle=cause_of("target_unavailable")), Phase.UNHEALTHY, "target_unavailable"),
        # on the way out
        (replace(STOPPED, observation=seen("ready")), Phase.TRANSITIONING, None),
        (replace(STOPPED, observation=seen("stopping")), Phase.TRANSITIONING, None),
        (replace(STOPPED, observation=Observation()), Phase.STOPPED, None),
        (replace(STOPPED, observation=seen("dead")), Phase.STOPPED, None),
        (replace(STOPPED, observation=seen("ready"), since=ago(61)), Phase.FAILED, "stop_timeout"),
        (replace(REMOVED, observation=Observation()), Phase.TRANSITIONING, None),
        (replace(REMOVED, observation=seen("ready"), since=ago(61)), Phase.FAILED, "stop_timeout"),
        (replace(REMOVED, obstacle=cause_of("not_removed"), since=ago(61)), Phase.FAILED, "not_removed"),
    ],
)
def test_facts_have_a_state_and_a_cause(facts, phase, code):
    found, cause = phase_of(facts, NOW)
    assert (found, cause and cause["code"]) == (phase, code)


def every_combination():
    observations = [
        seen(state, restarts=restarts, failure=failure, serving=serving)
        for state in ("absent", "starting", "ready", "unreachable", "stopping", "failed", "dead")
        for restarts in (0, LOOP)
        for failure in ((CRASH, BROKEN) if state in {"failed", "dead"} else (None,))
        for serving in ((False, True) if state == "ready" else (False,))
    ]
    obstacles = [None, cause_of("no_room"), cause_of("target_unavailable")]
    for desired, found, obstacle, serving, healthy_replicas, replicas in product(
        InstanceDesired, observations, obstacles, (False, True), (0, 1), (1, 2)
    ):
        facts = {"serving": serving, "healthy_replicas": healthy_replicas, "replicas": replicas}
        yield replace(RUNNING, desired=desired, observation=found, obstacle=obstacle, **facts)


def test_no_state_outlasts_its_deadline():
    much_later = NOW + timedelta(hours=2)
    lasting = {Phase.HEALTHY, Phase.STOPPED, Phase.FAILED}
    assert {phase_of(facts, much_later)[0] for facts in every_combination()} == lasting


def test_unhealthy_instance_always_has_a_cause():
    for facts in every_combination():
        for clock in (NOW, NOW + timedelta(hours=2)):
            phase, cause = phase_of(facts, clock)
            if phase in {Phase.FAILED, Phase.UNSCHEDULABLE}:
                assert cause, facts
                assert cause["message"], facts
                assert cause["hint"], facts
            if phase in {Phase.HEALTHY, Phase.STOPPED}:
                assert cause is None, facts


def test_healthy_instance_is_wanted_ready_and_serving_where_desired():
    for facts in every_combination():
        if phase_of(facts, NOW)[0] == Phase.HEALTHY:
            assert facts.desired == InstanceDesired.RUNNING
            assert facts.observation.state == "ready"
            assert facts.observation.serving or not facts.serving
            assert facts.obstacle is None


def test_cause_names_how_many_replicas_are_ready_and_why_one_is_not():
    _, cause = phase_of(several("ready dead starting", healthy_replicas=3), NOW)
    assert cause["message"] == "1 of 3 replicas are ready. Replica 2: The server was ended by SIGSEGV."
    assert cause["evidence"] == "log"


def test_instance_is_unschedulable_only_on_a_full_target():
    unschedulable = [facts for facts in every_combination() if phase_of(facts, NOW)[0] == Phase.UNSCHEDULABLE]
    assert unschedulable
    assert all(facts.obstacle == cause_of("no_room") for facts in unschedulable)
