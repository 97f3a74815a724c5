"""Users are counted, not requests; the interval holds at every look; outcomes may come late."""

from datetime import UTC, datetime, timedelta

import numpy
import pytest

from deployments.rollouts.verdict import Arm, Asked, Experiment, Outcome, arms, half_width, judge

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
EVEN = Experiment(share=0.5, matters=0.02)


@pytest.mark.parametrize(
    ("variance", "scale", "alpha", "expected"),
    [
        (1e-4, 0.02, 0.05, 0.030824),
        (1e-5, 0.02, 0.05, 0.009974),
        (1e-6, 0.02, 0.05, 0.003466),
        (1e-4, 0.1, 0.05, 0.032730),
        (1e-4, 0.02, 0.01, 0.036776),
        (4e-4, 0.02, 0.05, 0.073128),
    ],
)
def test_half_width_of_the_interval(variance: float, scale: float, alpha: float, expected: float) -> None:
    assert half_width(variance, scale, alpha) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("sums", "counts", "mean", "variance"),
    [
        ([1, 0, 2, 0], [2, 3, 4, 1], 0.3, 0.022666667),
        ([0, 1, 0, 1], [1, 1, 1, 1], 0.5, 0.083333333),
        ([10, 0], [10, 10], 0.5, 0.25),
        ([0.5, 1.5, 4], [1, 2, 3], 1, 0.0625),
        ([1, 1, 1], [1, 1, 1], 1, 0),
    ],
)
def test_mean_and_variance_over_users(sums: list[float], counts: list[int], mean: float, variance: float) -> None:
    arm = Arm(tuple(zip(sums, counts, strict=True)))

    assert (arm.mean, arm.variance) == (pytest.approx(mean), pytest.approx(variance))


def _arm(users: int, events: int) -> Arm:
    """Of users with one request each."""
    return Arm(tuple((1.0 if number < events else 0.0, 1) for number in range(users)))


@pytest.mark.parametrize(
    ("control", "candidate", "days", "name"),
    [
        (_arm(11_000, 1100), _arm(9_000, 1200), 2, "split_wrong"),
        (_arm(150, 40), _arm(150, 80), 2, "not_enough_data"),
        (_arm(1000, 20), _arm(1000, 90), 2, "not_enough_data"),
        (_arm(5000, 500), _arm(5000, 800), 0.5, "not_enough_data"),
        (_arm(5000, 500), _arm(5000, 800), 1, "better"),
        (_arm(5000, 800), _arm(5000, 500), 1, "worse"),
        (_arm(200_000, 20_000), _arm(200_000, 21_800), 1, "better_but_little"),
        (_arm(20_000, 2_000), _arm(20_000, 2_010), 1, "no_difference"),
        (_arm(2_000, 200), _arm(2_000, 210), 1, "not_enough_data"),
        (Arm(()), Arm(()), 1, "not_enough_data"),
    ],
)
def test_verdict(control: Arm, candidate: Arm, days: float, name: str) -> None:
    assert judge(control, candidate, EVEN, days).name == name


def test_users_needed_are_told_and_suffice() -> None:
    needed = judge(_arm(2_000, 200), _arm(2_000, 200), EVEN, 1).users_needed
    assert needed is not None
    enough = judge(_arm(needed, needed // 10), _arm(needed, needed // 10), EVEN, 1)

    assert (2_000 < needed < 10_000, enough.name) == (True, "no_difference")


def test_equal_revisions_have_no_winner_although_looked_at_often_and_users_differ() -> None:
    """Activity and success differ from user to user: counted by requests, 38 of 100 such experiments name a winner."""
    rng = numpy.random.default_rng(1)
    winners = 0
    for _ in range(100):
        sides = []
        for _ in range(2):
            chance = rng.beta(0.9, 8.1, 2000)
            requests = rng.poisson(rng.lognormal(0, 1, (8, 2000))).cumsum(axis=0)
            sums = numpy.diff(requests, axis=0, prepend=0)
            sides.append((rng.binomial(sums, chance).cumsum(axis=0), requests))
        looks = [
            judge(*(_users(outcomes[look], counts[look]) for outcomes, counts in sides), EVEN, 1).name  # type: ignore[arg-type]
            for look in range(8)
        ]
        winners += "better" in looks or "worse" in looks

    assert winners <= 5


def _users(outcomes: numpy.ndarray, counts: numpy.ndarray) -> Arm:
    return Arm(tuple((float(s), int(n)) for s, n in zip(outcomes, counts, strict=True) if n))


def test_outcomes_count_within_the_wait_and_the_last_of_several() -> None:
    hour = timedelta(hours=1)
    requests = [
        Asked("a", "ann", 1, NOON - 3 * hour),
        Asked("b", "ann", 1, NOON - 3 * hour),
        Asked("c", "bob", 2, NOON - 3 * hour),
        Asked("young", "eve", 2, NOON - hour / 2),
    ]
    outcomes = [
        Outcome("a", 1, NOON - 2.5 * hour),
        Outcome("a", 0, NOON - 2.6 * hour),
        Outcome("c", 1, NOON - 2.5 * hour),
        Outcome("c", 0, NOON - 0.5 * hour),
        Outcome("young", 1, NOON),
        Outcome("of nobody", 1, NOON),
    ]

    by_revision, unknown = arms(requests, outcomes, wait=hour, now=NOON)

    assert by_revision == {1: Arm(((1.0, 2),)), 2: Arm(((1.0, 1),))}
    assert unknown == 1


def test_revision_whose_outcomes_come_faster_does_not_win() -> None:
    """Equal chances; outcomes after a day in one arm and half a day in the other, in the mean."""
    rng = numpy.random.default_rng(3)
    requests, outcomes = [], []
    for number in range(8000):
        revision = 1 + number % 2
        at = NOON - timedelta(hours=float(rng.uniform(0, 240)))
        requests.append(Asked(str(number), str(number), revision, at))
        if rng.random() < 0.3:
            delay = timedelta(hours=float(rng.exponential(24 if revision == 1 else 12)))
            if at + delay <= NOON:
                outcomes.append(Outcome(str(number), 1, at + delay))

    def name(wait: timedelta) -> str:
        by_revision, _ = arms(requests, outcomes, wait=wait, now=NOON)
        return judge(by_revision[1], by_revision[2], EVEN, 5).name

    assert name(timedelta(hours=12)) == "better"  # what waiting too briefly would say
    assert name(timedelta(hours=120)) != "better"
