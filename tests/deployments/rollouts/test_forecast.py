import math

import pytest

from deployments.rollouts.forecast import seconds_left, step_seconds, waiting_for, warning
from deployments.rollouts.steps import Plan, RolloutState
from tests.deployments.rollouts.simulated_traffic import steps

PLAN = Plan(steps(300, 5, 50, 100))


def test_seconds_of_each_step() -> None:
    assert step_seconds(PLAN, 100) == [40 + 300, 300, 300]
    assert step_seconds(PLAN, 10) == [400 + 2000, 300, 300]
    assert step_seconds(PLAN, 0) == [math.inf] * 3


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        (RolloutState(all_requests=50), 150 / 5 + 300),
        (RolloutState(phase="judging", baked=200, requests=900, all_requests=1100), 100),
        (RolloutState(phase="extended", baked=400, requests=400, all_requests=600), 600 / 5),
        (RolloutState(phase="judging", step=1, baked=290, requests=2000), 10),
        (RolloutState(phase="done"), 0),
    ],
)
def test_seconds_until_a_step_has_shown_what_it_has_to(state: RolloutState, seconds: float) -> None:
    assert seconds_left(PLAN, state, 100) == pytest.approx(seconds)
    assert seconds_left(PLAN, state, 0) == (0 if state.phase == "done" else math.inf)


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (100, ""),
        (10, "With 10 requests a second, 5 % shows something after about 40 min: step 1 would be held after 15 min."),
        (0, "Nobody asks this service at the moment."),
    ],
)
def test_warning_before_the_start(rate: float, said: str) -> None:
    assert warning(PLAN, rate).startswith(said)
    assert bool(warning(PLAN, rate)) == bool(said)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (RolloutState(all_requests=60), "Warming up: 60 of 200 requests."),
        (RolloutState(phase="judging", baked=65, requests=300), "65 s of 5 min, 300 requests."),
        (RolloutState(phase="held", requests=142), "Not enough data yet: 142 of about 1,000 requests."),
        (RolloutState(phase="judging", is_ill=True), "The old revision has many errors itself: nothing is judged,"),
        (RolloutState(phase="done"), ""),
    ],
)
def test_what_a_step_waits_for(state: RolloutState, said: str) -> None:
    assert waiting_for(PLAN, state).startswith(said)
