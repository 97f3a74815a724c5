"""When what has ended is started again."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deployments.control.restart_backoff import LOOP, is_looping, seconds_to_next_start
from deployments.targets.base import STABLE_SECONDS, Failure, Observation

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CRASH = Failure("worker_crashed", "The server was ended by SIGSEGV.", "log")


def seen(state: str, **facts) -> Observation:
    return Observation(state, revision=2, **facts)


def ended(**facts) -> Observation:
    return seen("dead", ended_at=NOW.timestamp(), **facts)


def test_the_first_crashes_are_answered_at_once_and_later_ones_more_and_more_slowly():
    waits = [seconds_to_next_start(ended(restarts=count, failure=CRASH), NOW.timestamp()) for count in range(7)]
    assert waits == [0, 0, 1, 2, 4, 300, 300]


def test_the_wait_runs_from_the_end_of_the_process():
    assert seconds_to_next_start(ended(restarts=4, failure=CRASH), NOW.timestamp() + 3) == 1
    assert seconds_to_next_start(ended(restarts=4, failure=CRASH), NOW.timestamp() + 60) == 0


@pytest.mark.parametrize(
    "reason", ["script_missing", "import_missing", "init_failed", "warm_up_failed", "start_timeout"]
)
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
