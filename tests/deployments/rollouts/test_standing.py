"""How guards stand, as people are told."""

from collections import Counter

from deployments.rollouts.cells import Arm, Cell
from deployments.rollouts.guards import Guard
from deployments.rollouts.standing import standings
from deployments.rollouts.steps import Plan, begin, next_state
from scoring.contract import bucket_of
from tests.deployments.rollouts.simulated_traffic import steps

PLAN = Plan(steps(300, 25, 100), (Guard(kind="errors"), Guard(kind="time")), warm_requests=0)


def taking(milliseconds: int, requests: int):
    """Spread evenly up to twice as long; four of a hundred take three times as long."""
    times = Counter(bucket_of(int(1000 * milliseconds * (1 + part / 96))) for part in range(96))
    times[bucket_of(3000 * milliseconds)] += 4
    return {"infer": {bucket: count * requests // 100 for bucket, count in times.items()}}


def seen(cells: int, candidate: Arm, control: Arm):
    state = begin(PLAN, [Cell(0, control=control)], 0)
    return standings(PLAN, next_state(PLAN, state, [Cell(n, candidate, control) for n in range(1, cells + 1)]))


def test_nothing_is_known_before_the_first_requests() -> None:
    for one in seen(0, Arm(), Arm()):
        assert (one.figure, one.limit, one.control, one.verdict) == (None, None, None, "unknown")


def test_good_revision_is_shown_good_within_bounds() -> None:
    errors, time = seen(30, Arm(200, 1, 0, taking(10, 200)), Arm(600, 3, 0, taking(10, 600)))
    assert (errors.figure, errors.control, errors.verdict) == (0.5, 0.5, "good")
    assert errors.low < 0.5 < errors.high < errors.limit + 0.3
    assert (time.figure, time.verdict) == (time.control, "good")
    assert time.low < time.figure <= time.high


def test_few_requests_are_not_enough() -> None:
    errors, time = seen(3, Arm(5), Arm(600, 3, 0, taking(10, 600)))
    assert (errors.figure, errors.verdict) == (0, "unknown")
    assert errors.high > 20
    assert (time.figure, time.high, time.verdict) == (None, None, "unknown")
    assert time.control is not None


def test_slow_revision_is_beyond_the_limit() -> None:
    errors, time = seen(6, Arm(200, 1, 0, taking(40, 200)), Arm(600, 3, 0, taking(10, 600)))
    assert time.verdict == "beyond"
    assert time.low > time.limit
    assert errors.verdict != "beyond"
