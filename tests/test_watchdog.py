"""When a worker counts as hanging."""

import pytest

from studio.workers.watchdog import NOT_CONSUMING_LIMIT, STUCK_LIMIT, Liveness


@pytest.fixture
def look():
    """`look(3, …)` checks a worker whose event loop runs three times; the result of the last check."""
    liveness = Liveness()

    def looks(times, *, waiting=0, busy=False, taken=0, turning=True):
        said = ""
        for _ in range(times):
            said = liveness.check(waiting=waiting, busy=busy, taken=taken, iterations=liveness.iterations + turning)
        return said

    return looks


def test_a_worker_with_nothing_to_do_is_left_alone(look):
    assert look(1000) == ""


def test_worker_that_takes_no_message_is_not_consuming(look):
    assert look(NOT_CONSUMING_LIMIT - 1, waiting=3) == ""
    assert look(1, waiting=3) == "3 messages wait and none is consumed"


def test_a_worker_that_is_busy_is_left_alone_however_much_waits(look):
    assert look(1000, waiting=50, busy=True) == ""


def test_a_worker_that_takes_one_now_and_then_is_left_alone(look):
    assert [look(NOT_CONSUMING_LIMIT - 1, waiting=50, taken=taken) for taken in range(1, 9)] == [""] * 8


def test_worker_whose_event_loop_does_not_run_is_stuck_even_while_it_is_busy(look):
    assert look(STUCK_LIMIT - 1, busy=True, turning=False) == ""
    assert look(1, busy=True, turning=False) == "its event loop does not run"


def test_a_worker_that_was_frozen_gets_its_chance(look):
    look(STUCK_LIMIT - 1, turning=False)
    assert look(1) == ""
    assert look(STUCK_LIMIT - 1, turning=False) == ""
