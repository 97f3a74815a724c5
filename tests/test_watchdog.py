"""When a worker counts as hanging."""

import pytest

from studio.workers.watchdog import DEAF, STUCK, Watch


@pytest.fixture
def look():
    """`look(3, …)` looks three times at a worker whose loop turns; what the last look said."""
    watch = Watch()

    def looks(times, *, waiting=0, busy=False, taken=0, turning=True):
        said = ""
        for _ in range(times):
            said = watch.look(waiting=waiting, busy=busy, taken=taken, turns=watch.turns + turning)
        return said

    return looks


def test_a_worker_with_nothing_to_do_is_left_alone(look):
    assert look(1000) == ""


def test_a_worker_that_leaves_messages_lying_is_deaf(look):
    assert look(DEAF - 1, waiting=3) == ""
    assert look(1, waiting=3) == "3 messages wait and none is taken"


def test_a_worker_that_is_busy_is_left_alone_however_much_waits(look):
    assert look(1000, waiting=50, busy=True) == ""


def test_a_worker_that_takes_one_now_and_then_is_left_alone(look):
    assert [look(DEAF - 1, waiting=50, taken=taken) for taken in range(1, 9)] == [""] * 8


def test_a_worker_whose_loop_stands_still_is_stuck_even_while_it_is_busy(look):
    assert look(STUCK - 1, busy=True, turning=False) == ""
    assert look(1, busy=True, turning=False) == "its loop does not turn"


def test_a_worker_that_was_frozen_gets_its_chance(look):
    look(STUCK - 1, turning=False)
    assert look(1) == ""
    assert look(STUCK - 1, turning=False) == ""
