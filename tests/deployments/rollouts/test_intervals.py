import math
import random

import pytest

from deployments.rollouts.intervals import quantile, rate
from scoring.contract import bucket_of


@pytest.mark.parametrize(
    ("bad", "total", "low", "high"),
    [(0, 0, 0, 1), (0, 100, 0, 0.05703), (5, 1000, 0.00054, 0.01800), (50, 100, 0.33826, 0.66174), (7, 7, 0.52138, 1)],
)
def test_bounds_of_a_rate(bad: int, total: int, low: float, high: float) -> None:
    assert rate(bad, total) == pytest.approx((low, high), abs=1e-5)


def test_true_rate_lies_within_the_bounds_at_all_times_together() -> None:
    missed = 0
    for seed in range(200):
        bits = random.Random(seed)
        bad, was_outside = 0, False
        for total in range(1, 1001):
            bad += bits.random() < 0.05
            low, high = rate(bad, total)
            was_outside |= not low <= 0.05 <= high
        missed += was_outside
    assert missed <= 200 * 0.05


def test_quantile_has_no_upper_bound_before_about_150_requests() -> None:
    few, many = ({bucket_of(1000 * ms): count for ms in range(1, 11)} for count in (10.0, 400.0))
    assert quantile(few, 0.95)[1] is None
    low, high = quantile(many, 0.95)
    assert 8 < low < 10 <= math.ceil(high)
    assert quantile({}, 0.95) == (0.0, None)
