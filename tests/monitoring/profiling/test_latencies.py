"""Histograms of microseconds: a percentile within 0.4 %, merging by addition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.profiling.latencies import (
    BUCKETS,
    MOST,
    count_over,
    counted,
    dense,
    mean,
    merged,
    percentile,
    upper_bound,
)

durations = st.lists(st.integers(0, MOST), min_size=1, max_size=100)


@given(st.integers(0, MOST))
def test_a_duration_is_at_most_its_buckets_bound_and_at_most_half_a_per_cent_below(duration):
    (bucket,) = counted([duration])
    assert duration <= upper_bound(int(bucket)) <= duration * 1.004 + 1
    assert int(bucket) < BUCKETS


@given(durations, durations)
def test_merging_counts_what_both_counted(first, second):
    assert merged([counted(first), counted(second)]) == counted(first + second)


@given(durations, st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_that_of_the_durations(values, share):
    exact = np.sort(values)[max(int(np.ceil(share * len(values) - 1e-9)) - 1, 0)]
    assert percentile(counted(values), share) == pytest.approx(exact / 1000, rel=0.004, abs=0.001)


def test_without_any_there_is_no_percentile():
    assert percentile({}, 0.5) is None
    assert mean({}) is None


def test_the_mean_and_those_over_a_limit():
    histogram = counted([1000, 3000, 8000])
    assert mean(histogram) == pytest.approx(4.0, rel=0.01)
    assert count_over(histogram, 5.0) == 1
    assert dense(histogram).sum() == 3


def test_nanoseconds_are_counted_as_microseconds():
    assert counted([1_500_999], per_microsecond=1000) == counted([1500])
