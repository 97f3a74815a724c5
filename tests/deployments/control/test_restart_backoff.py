"""When an ended process is restarted."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deployments.control.restart_backoff import LOOP, is_looping, seconds_to_next_start
from deployments.targets.observation import STABLE_SECONDS, Failure, Replica

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CRASH = Failure("worker_crashed", "The server was ended by SIGSEGV.", "log")


def seen(state: str, **facts) -> Replica:
    return Replica(1, state, revision=2, **facts)


def ended(**facts) -> Replica:
    return seen("dead", ended_at=NOW.timestamp(), **facts)


def test_restarts_are_immediate_at_first_and_then_back_off():
    waits = [seconds_to_next_start(ended(restarts=count, failure=CRASH), NOW.timestamp()) for count in range(7)]
    assert waits == [0, 0, 1, 2, 4, 300, 300]


def test_backoff_counts_from_the_end_of_the_process():
    assert seconds_to_next_start(ended(restarts=4, failure=CRASH), NOW.timestamp() + 3) == 1
    assert seconds_to_next_start(ended(restarts=4, failure=CRASH), NOW.timestamp() + 60) == 0


@pytest.mark.parametrize(
    "reason", ["script_missing", "import_missing", "init_failed", "warm_up_failed", "start_timeout"]
)
def test_permanent_failure_is_never_restarted(reason):
    failed = seen("failed", failure=Failure(reason, "no"), ended_at=0.0)
    assert seconds_to_next_start(failed, NOW.timestamp()) is None


def test_stable_period_resets_the_backoff():
    loop = ended(restarts=LOOP, failure=CRASH, ready_at=NOW.timestamp() - STABLE_SECONDS - 1)
    assert not is_looping(loop)
    assert seconds_to_next_start(loop, NOW.timestamp()) == 0
    assert is_looping(replace(loop, ready_at=NOW.timestamp() - 1))


def test_permanent_failure_of_one_replica_is_retried_where_another_one_runs():
    failed = seen("failed", failure=Failure("start_timeout", "no"), ended_at=NOW.timestamp(), restarts=3)
    assert seconds_to_next_start(failed, NOW.timestamp(), others_run=True) == 2


@pytest.mark.parametrize("state", ["absent", "starting", "ready", "stopping", "unreachable"])
def test_running_process_has_no_backoff(state):
    assert seconds_to_next_start(seen(state), NOW.timestamp()) == 0
