"""Percentiles of repeats, how sure they are, and when to stop."""

import math

import numpy as np
import pytest

from monitoring.profiling import intervals
from monitoring.profiling.latencies import counted
from monitoring.profiling.messages import Noise, Repeat

RNG = np.random.default_rng(20261130)


def repeat(milliseconds, *, errors=None, lag=(), number=0, reason=""):
    return Repeat(
        number=number,
        began=0.0,
        seconds=5.0,
        sent=len(milliseconds),
        answered=len(milliseconds),
        statuses={"200": len(milliseconds)},
        errors=errors or {},
        latency=counted([int(one * 1000) for one in milliseconds]),
        lag=counted([int(one * 1000) for one in lag]),
        cpu=0.1,
        watched_cpu=0.5,
        noise=Noise(reason=reason),
    )


def lognormal(count, median=10.0, sigma=0.5):
    return RNG.lognormal(math.log(median), sigma, count)


def test_the_interval_covers_the_truth_nineteen_times_of_twenty():
    truth = 10 * math.exp(0.5 * 2.3263)
    held = 0
    for _ in range(100):
        found = intervals.leave_one_out([counted((lognormal(2000) * 1000).astype(int)) for _ in range(10)], 0.99)
        held += found.low <= truth <= found.high
    assert held >= 88


def test_repeats_that_differ_make_a_wide_interval():
    alike = [counted([10_000] * 100)] * 10
    apart = [counted([10_000 * (1 + number)] * 100) for number in range(10)]
    assert intervals.leave_one_out(alike, 0.99).half_width < 1e-9
    assert intervals.leave_one_out(apart, 0.5).half_width > 0.1


def test_one_repeat_has_no_interval():
    assert intervals.leave_one_out([counted([10_000])], 0.99) is None
    assert intervals.leave_one_out([], 0.99) is None


def test_ten_calm_repeats_are_stable_and_nine_are_not():
    repeats = [repeat(lognormal(20_000, sigma=0.2)) for _ in range(10)]
    assert intervals.is_stable(repeats)
    assert not intervals.is_stable(repeats[:9])
    assert intervals.enough(repeats)


def test_repeats_that_wander_are_made_until_there_are_thirty():
    repeats = [repeat(lognormal(1000, median=10 * (1 + number % 5))) for number in range(30)]
    assert not intervals.enough(repeats[:29])
    assert intervals.enough(repeats)
    assert not intervals.is_stable(repeats)


def test_noisy_repeats_are_left_out_and_made_again_as_often():
    calm, loud = repeat(lognormal(20_000, sigma=0.2)), repeat([500.0] * 100, reason="other programs used 40 %")
    assert intervals.quiet([calm, loud]) == [calm]
    assert not intervals.enough([loud] * 10)
    assert intervals.enough([loud] * 11)


def test_requests_over_the_limit_are_counted_with_those_that_failed():
    found = intervals.share_over([repeat([5.0] * 98 + [50.0], errors={"timeout": 1})] * 10, 20.0)
    assert found.share == pytest.approx(0.02)
    assert found.high == pytest.approx(0.02)


def test_a_share_that_differs_between_repeats_is_less_sure():
    found = intervals.share_over([repeat([5.0] * 99 + [50.0]), repeat([5.0] * 100)] * 5, 20.0)
    assert found.share == pytest.approx(0.005)
    assert 0.005 < found.high < 0.01


def test_a_generator_that_is_late_is_told():
    assert intervals.is_late([repeat([1.0] * 100, lag=[0.2] * 10)])
    assert not intervals.is_late([repeat([1.0] * 100, lag=[0.05] * 10)])


def test_repeats_are_long_enough_for_five_thousand_requests():
    assert intervals.repeat_seconds(100) == 50
    assert intervals.repeat_seconds(10_000) == 5
