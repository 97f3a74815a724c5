"""Facts and clock → state: a table of cases, and two laws that hold for every combination of facts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from deployments.causes import cause_of
from deployments.control.phases import BuildFacts, Facts, phase_of
from deployments.control.restart_backoff import LOOP, PERMANENT, is_looping, seconds_to_next_start
from deployments.control.steps import steps_of
from deployments.models import Desired, Phase
from deployments.targets.base import STABLE_SECONDS, Failure, Observation
from studio.core.jobs import JobState

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CRASH = Failure("worker_crashed", "The server was ended by SIGSEGV.", "log")
BROKEN = Failure("init_failed", "init() raised KeyError", "Traceback")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def seen(state: str, revision: int = 2, **facts) -> Observation:
    return Observation(state, revision=revision, **facts)


def build(state: str, age: float = 5.0, **facts) -> BuildFacts:
    started = None if state == JobState.QUEUED else ago(age - 1)
    return BuildFacts(state=state, created_at=ago(age), started_at=started, **facts)


RUNNING = Facts(
    desired=Desired.RUNNING,
    newest=2,
    wanted=2,
    since=ago(5),
    build=build(JobState.SUCCEEDED),
    start_seconds=100,
    build_seconds=1000,
)
BUILDING = replace(RUNNING, wanted=1, observation=seen("ready", 1))


@pytest.mark.parametrize(
    ("facts", "phase", "code"),
    [
        # built and running
        (replace(RUNNING, observation=seen("ready")), Phase.HEALTHY, None),
        (replace(RUNNING, observation=seen("absent", None)), Phase.TRANSITIONING, None),
        (replace(RUNNING, observation=seen("starting")), Phase.TRANSITIONING, None),
        (replace(RUNNING, observation=seen("ready", 1)), Phase.TRANSITIONING, None),
        (replace(RUNNING, observation=seen("stopping", 1)), Phase.TRANSITIONING, None),
        (replace(RUNNING, observation=seen("unreachable")), Phase.UNHEALTHY, "unreachable"),
        (replace(RUNNING, observation=seen("failed", failure=BROKEN)), Phase.FAILED, "init_failed"),
        (replace(RUNNING, observation=seen("dead", failure=CRASH)), Phase.TRANSITIONING, "worker_crashed"),
        (replace(RUNNING, observation=seen("dead", failure=CRASH, restarts=LOOP)), Phase.FAILED, "worker_crashed"),
        (replace(RUNNING, observation=seen("starting", failure=CRASH, restarts=LOOP)), Phase.FAILED, "worker_crashed"),
        # was ready, and is not
        (
            replace(RUNNING, was_healthy=True, observation=seen("dead", failure=CRASH)),
            Phase.UNHEALTHY,
            "worker_crashed",
        ),
        (replace(RUNNING, was_healthy=True, observation=seen("starting")), Phase.UNHEALTHY, None),
        (replace(RUNNING, was_healthy=True, observation=seen("absent", None)), Phase.UNHEALTHY, "not_running"),
        (
            replace(RUNNING, since=ago(200), was_healthy=True, observation=seen("absent", None)),
            Phase.FAILED,
            "not_running",
        ),
        # too long
        (replace(RUNNING, since=ago(200), observation=seen("starting")), Phase.FAILED, "start_timeout"),
        (replace(RUNNING, since=ago(200), observation=seen("absent", None)), Phase.FAILED, "start_timeout"),
        (replace(RUNNING, since=ago(9999), observation=seen("ready")), Phase.HEALTHY, None),
        (replace(RUNNING, since=None, observation=seen("absent", None)), Phase.TRANSITIONING, None),
        # given up
        (replace(RUNNING, gave_up=cause_of("init_failed")), Phase.FAILED, "init_failed"),
        # the target
        (replace(RUNNING, obstacle=cause_of("no_room")), Phase.UNSCHEDULABLE, "no_room"),
        (replace(RUNNING, obstacle=cause_of("no_room"), since=ago(301)), Phase.FAILED, "no_room"),
        (replace(RUNNING, obstacle=cause_of("target_unavailable")), Phase.TRANSITIONING, "target_unavailable"),
        (
            replace(RUNNING, obstacle=cause_of("target_unavailable"), was_healthy=True),
            Phase.UNHEALTHY,
            "target_unavailable",
        ),
        # the build
        (replace(BUILDING, build=build(JobState.QUEUED)), Phase.TRANSITIONING, None),
        (replace(BUILDING, build=build(JobState.QUEUED, 90)), Phase.TRANSITIONING, "no_worker"),
        (replace(BUILDING, build=build(JobState.QUEUED, 1001)), Phase.FAILED, "no_worker"),
        (replace(BUILDING, build=build(JobState.QUEUED, 90, ahead=2)), Phase.TRANSITIONING, None),
        (replace(BUILDING, build=build(JobState.QUEUED, 2900, ahead=2)), Phase.TRANSITIONING, None),
        (replace(BUILDING, build=build(JobState.QUEUED, 3001, ahead=2)), Phase.FAILED, "no_worker"),
        (replace(BUILDING, build=build(JobState.RUNNING)), Phase.TRANSITIONING, None),
        (replace(BUILDING, build=build(JobState.RUNNING, 1100)), Phase.FAILED, "build_timeout"),
        (
            replace(BUILDING, build=build(JobState.FAILED, error=cause_of("package_unknown"))),
            Phase.FAILED,
            "package_unknown",
        ),
        (replace(BUILDING, build=build(JobState.CANCELLED)), Phase.FAILED, "build_failed"),
        (replace(BUILDING, build=build(JobState.SUCCEEDED)), Phase.TRANSITIONING, None),
        (replace(BUILDING, build=None), Phase.TRANSITIONING, None),
        # on the way out
        (replace(RUNNING, desired=Desired.STOPPED, observation=seen("ready")), Phase.TRANSITIONING, None),
        (replace(RUNNING, desired=Desired.STOPPED, observation=seen("stopping")), Phase.TRANSITIONING, None),
        (replace(RUNNING, desired=Desired.STOPPED, observation=seen("absent")), Phase.STOPPED, None),
        (replace(RUNNING, desired=Desired.STOPPED, observation=seen("dead")), Phase.STOPPED, None),
        (
            replace(BUILDING, desired=Desired.STOPPED, observation=seen("absent"), build=build(JobState.FAILED)),
            Phase.STOPPED,
            None,
        ),
        (
            replace(RUNNING, desired=Desired.STOPPED, observation=seen("ready"), since=ago(61)),
            Phase.FAILED,
            "stop_timeout",
        ),
        (replace(RUNNING, desired=Desired.DELETED, observation=seen("absent")), Phase.TRANSITIONING, None),
        (
            replace(RUNNING, desired=Desired.DELETED, observation=seen("ready"), since=ago(61)),
            Phase.FAILED,
            "stop_timeout",
        ),
    ],
)
def test_facts_have_a_state_and_a_cause(facts, phase, code):
    found, cause = phase_of(facts, NOW)
    assert (found, cause and cause["code"]) == (phase, code)


def every_combination():
    observations = [
        seen(state, revision, restarts=restarts, failure=failure)
        for state in ("absent", "starting", "ready", "unreachable", "stopping", "failed", "dead")
        for revision in (1, 2)
        for restarts in (0, LOOP)
        for failure in ((CRASH, BROKEN) if state in {"failed", "dead"} else (None,))
    ]
    builds = [None, *(build(state, age) for state in JobState for age in (5, 90))]
    obstacles = [None, cause_of("no_room"), cause_of("target_unavailable")]
    wanted = [None, 1, 2]
    for desired, found, made, obstacle, share, was_healthy in product(
        Desired, observations, builds, obstacles, wanted, (False, True)
    ):
        yield replace(
            RUNNING,
            desired=desired,
            observation=found,
            build=made,
            obstacle=obstacle,
            wanted=share,
            was_healthy=was_healthy,
        )


def test_no_state_outlasts_its_deadline():
    much_later = NOW + timedelta(hours=2)
    lasting = {Phase.HEALTHY, Phase.STOPPED, Phase.FAILED}
    assert {phase_of(facts, much_later)[0] for facts in every_combination()} == lasting


def test_whatever_keeps_a_service_from_healthy_is_explained():
    for facts in every_combination():
        for clock in (NOW, NOW + timedelta(hours=2)):
            phase, cause = phase_of(facts, clock)
            if phase in {Phase.FAILED, Phase.UNSCHEDULABLE}:
                assert cause, facts
                assert cause["message"], facts
                assert cause["hint"], facts
            if phase in {Phase.HEALTHY, Phase.STOPPED}:
                assert cause is None, facts


def test_only_the_wanted_revision_that_answers_is_healthy():
    for facts in every_combination():
        if phase_of(facts, NOW)[0] == Phase.HEALTHY:
            assert facts.desired == Desired.RUNNING
            assert facts.newest == facts.wanted == facts.observation.revision
            assert facts.observation.state == "ready"
            assert facts.obstacle is None


def test_every_combination_has_five_steps_of_which_at_most_one_is_busy_or_bad():
    for facts in every_combination():
        steps = steps_of(facts, NOW)
        assert [step.name for step in steps] == ["queued", "environment", "image", "rollout", "healthy"]
        tones = [step.tone for step in steps]
        assert len([tone for tone in tones if tone in {"busy", "bad", "warn"}]) <= 1
        assert tones == sorted(tones, key=["ok", "busy", "warn", "bad", "idle"].index)


@pytest.mark.parametrize(
    ("facts", "tones"),
    [
        (replace(BUILDING, build=build(JobState.QUEUED)), "busy idle idle idle idle"),
        (replace(BUILDING, build=build(JobState.RUNNING, step="environment")), "ok busy idle idle idle"),
        (replace(BUILDING, build=build(JobState.RUNNING, step="bundle")), "ok ok busy idle idle"),
        (replace(BUILDING, build=build(JobState.FAILED, step="environment")), "ok bad idle idle idle"),
        (replace(RUNNING, observation=seen("starting")), "ok ok ok busy idle"),
        (replace(RUNNING, observation=seen("failed", failure=BROKEN)), "ok ok ok bad idle"),
        (replace(RUNNING, observation=seen("unreachable")), "ok ok ok ok warn"),
        (replace(RUNNING, observation=seen("ready")), "ok ok ok ok ok"),
        (replace(RUNNING, desired=Desired.STOPPED), "ok ok ok idle idle"),
    ],
)
def test_the_steps_of_a_deployment(facts, tones):
    assert [step.tone for step in steps_of(facts, NOW)] == tones.split()


def test_only_a_target_without_room_is_unschedulable():
    unschedulable = [facts for facts in every_combination() if phase_of(facts, NOW)[0] == Phase.UNSCHEDULABLE]
    assert unschedulable
    assert all(facts.obstacle == cause_of("no_room") and facts.wanted == facts.newest for facts in unschedulable)


@pytest.mark.parametrize(
    ("facts", "details"),
    [
        (build(JobState.QUEUED), "waiting for a worker"),
        (build(JobState.QUEUED, 90, ahead=3), "waiting for a worker; 3 before it"),
        (build(JobState.RUNNING, step="environment"), ""),
        (build(JobState.CANCELLED), ""),
    ],
)
def test_a_deployment_in_the_queue_tells_what_it_waits_for(facts, details):
    assert [step.detail for step in steps_of(replace(BUILDING, build=facts), NOW)] == [details, "", "", "", ""]


def test_the_current_step_tells_how_long_it_has_taken():
    facts = replace(BUILDING, build=build(JobState.RUNNING, 31, step="environment"))
    queued, environment, *rest = steps_of(facts, NOW)
    assert queued.seconds == 1
    assert environment.seconds == 30
    assert [step.seconds for step in rest] == [None, None, None]


# --- starting again -------------------------------------------------------------------------------


def ended(**facts) -> Observation:
    return seen("dead", ended_at=NOW.timestamp(), **facts)


def test_the_first_crashes_are_answered_at_once_and_later_ones_more_and_more_slowly():
    waits = [seconds_to_next_start(ended(restarts=count, failure=CRASH), NOW.timestamp()) for count in range(7)]
    assert waits == [0, 0, 1, 2, 4, 300, 300]


def test_the_wait_runs_from_the_end_of_the_process():
    assert seconds_to_next_start(ended(restarts=4, failure=CRASH), NOW.timestamp() + 3) == 1
    assert seconds_to_next_start(ended(restarts=4, failure=CRASH), NOW.timestamp() + 60) == 0


@pytest.mark.parametrize("reason", sorted(PERMANENT))
def test_what_only_a_change_can_cure_is_never_started_again(reason):
    failed = seen("failed", failure=Failure(reason, "no"), ended_at=0.0)
    assert seconds_to_next_start(failed, NOW.timestamp()) is None


def test_a_quiet_stretch_wipes_the_slate():
    loop = ended(restarts=LOOP, failure=CRASH, ready_at=NOW.timestamp() - STABLE_SECONDS - 1)
    assert not is_looping(loop)
    assert seconds_to_next_start(loop, NOW.timestamp()) == 0
    assert is_looping(replace(loop, ready_at=NOW.timestamp() - 1))


@pytest.mark.parametrize("state", ["absent", "starting", "ready", "stopping", "unreachable"])
def test_what_has_not_ended_needs_no_wait(state):
    assert seconds_to_next_start(seen(state), NOW.timestamp()) == 0
