"""The verdict of the registrations bench."""

import pytest

from bench.registrations import Measured, bars

NEVER = float("inf")


@pytest.mark.parametrize(
    ("this", "met"),
    [
        (Measured(20, 30, 10), [True, True]),
        (Measured(20, 30.1, 10.1), [False, False]),
        (Measured(20, NEVER, NEVER), [False, False]),
    ],
)
def test_all_are_ready_in_a_third_of_the_time_and_the_deployment_is_healthy_in_ten_seconds(this, met):
    assert [holds for _, holds in bars({"last build": Measured(20, 100, 200), "this build": this})] == met


def test_unfinished_last_build_is_beaten_by_a_finished_one():
    stuck = Measured(20, NEVER, NEVER)
    assert bars({"last build": stuck, "this build": Measured(20, 30, 5)})[0][1]
    assert not bars({"last build": stuck, "this build": stuck})[0][1]
