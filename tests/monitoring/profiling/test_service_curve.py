"""Times of runs between what was measured, and what they say of p99 under a load."""

import math

import pytest

from monitoring.profiling.candidates import Forecast
from monitoring.profiling.measure import Configuration
from monitoring.profiling.service_curve import Scaling, ServiceCurve, fit_scaling, highest_rate, predict

ONE = ServiceCurve({(1, 1): 0.01})
BATCHES = ServiceCurve({(1, 1): 0.01, (1, 8): 0.024, (4, 1): 0.004, (4, 8): 0.010})


def test_runs_between_measured_ones_are_linear():
    assert BATCHES.run_seconds(1, 1) == 0.01
    assert BATCHES.run_seconds(4.5, 1) == pytest.approx(0.017)
    assert BATCHES.run_seconds(1, 2) == pytest.approx(0.008)
    assert BATCHES.run_seconds(16, 1) == pytest.approx(0.04)
    assert BATCHES.run_seconds(1, 8) == 0.004


def test_replicas_slow_each_other_as_measured():
    law = Scaling(0.05, 0.002)
    found = fit_scaling({2: law.slower(2), 8: law.slower(8)})
    assert (found.contention, found.coherence) == (pytest.approx(0.05), pytest.approx(0.002))
    assert fit_scaling({}) == Scaling()
    assert fit_scaling({2: 0.9, 8: 0.95}) == Scaling()
    assert fit_scaling({4: 1.3}).slower(4) == pytest.approx(1.3)


def test_one_that_cannot_keep_up_has_no_p99():
    assert math.isinf(predict(ONE, rate=120, replicas=1, threads=1, batch_rows=1).p99)
    assert predict(ONE, rate=120, replicas=2, threads=1, batch_rows=1).p99 < 0.1


def test_p99_grows_with_the_rate_and_falls_with_replicas():
    rates = [predict(ONE, rate=rate, replicas=2, threads=1, batch_rows=1).p99 for rate in (1, 50, 100, 150, 190)]
    replicas = [predict(ONE, rate=90, replicas=count, threads=1, batch_rows=1).p99 for count in (1, 2, 4, 8)]
    assert rates == sorted(rates)
    assert replicas == sorted(replicas, reverse=True)
    assert rates[0] == pytest.approx(0.01, rel=0.01)


def test_batches_carry_rates_that_single_rows_cannot():
    assert math.isinf(predict(BATCHES, rate=200, replicas=1, threads=1, batch_rows=1).p99)
    found = predict(BATCHES, rate=200, replicas=1, threads=1, batch_rows=8)
    assert found.utilisation == pytest.approx(0.6)
    assert 1 < found.rows < 8


def test_the_highest_rate_is_where_p99_is_the_limit():
    rate = highest_rate(ONE, 0.05, replicas=2, threads=1, batch_rows=1)
    assert predict(ONE, rate=rate, replicas=2, threads=1, batch_rows=1).p99 == pytest.approx(0.05, rel=0.01)
    assert highest_rate(ONE, 0.005, replicas=2, threads=1, batch_rows=1) == pytest.approx(0, abs=1e-6)


def test_what_was_seen_corrects_the_time_of_runs():
    forecast = Forecast({(): ONE})
    one = Configuration(replicas=2)
    slower = Forecast({(): ServiceCurve({(1, 1): 0.012})})
    corrected = forecast.corrected([(one, 150.0, slower.p99(one, 150.0))])
    assert corrected.p99(Configuration(replicas=3), 150.0) == pytest.approx(
        slower.p99(Configuration(replicas=3), 150.0), rel=0.01
    )
