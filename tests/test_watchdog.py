"""When a worker counts as stuck or as not consuming."""

import pytest

from studio.workers.watchdog import NOT_CONSUMING_LIMIT, STUCK_LIMIT, Liveness


@pytest.fixture
def check():
    """`check(3, …)` checks a worker whose event loop runs three times; the result of the last check."""
    liveness = Liveness()

    def check_repeatedly(times, *, waiting=0, busy=False, taken=0, turning=True):
        problem = ""
        for _ in range(times):
            problem = liveness.check(waiting=waiting, busy=busy, taken=taken, iterations=liveness.iterations + turning)
        return problem

    return check_repeatedly


def test_idle_worker_is_healthy(check):
    assert check(1000) == ""


def test_worker_that_takes_no_message_is_not_consuming(check):
    assert check(NOT_CONSUMING_LIMIT - 1, waiting=3) == ""
    assert check(1, waiting=3) == "3 messages wait and none is consumed"


def test_busy_worker_is_healthy_with_a_full_queue(check):
    assert check(1000, waiting=50, busy=True) == ""


def test_slow_worker_is_healthy(check):
    assert [check(NOT_CONSUMING_LIMIT - 1, waiting=50, taken=taken) for taken in range(1, 9)] == [""] * 8


def test_worker_with_a_stalled_event_loop_is_stuck_even_if_busy(check):
    assert check(STUCK_LIMIT - 1, busy=True, turning=False) == ""
    assert check(1, busy=True, turning=False) == "its event loop does not run"


def test_resumed_worker_gets_time_to_recover(check):
    check(STUCK_LIMIT - 1, turning=False)
    assert check(1) == ""
    assert check(STUCK_LIMIT - 1, turning=False) == ""
