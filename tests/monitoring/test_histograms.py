import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitoring.telemetry.histograms import add, percentile
from scoring.contract import BUCKETS, MAX_MICROSECONDS, bucket_of

histograms = st.dictionaries(st.integers(0, BUCKETS - 1).map(str), st.integers(1, 10**6), max_size=20)
ROUNDING = 1e-12  # of a number on its way to milliseconds and back
durations = st.lists(st.integers(1, MAX_MICROSECONDS), min_size=1, max_size=200)


def merged(*parts):
    total = {}
    for part in parts:
        add(total, part)
    return total


def histogram_of(values):
    counts = {}
    for value in values:
        add(counts, {str(bucket_of(value)): 1})
    return counts


@given(histograms, histograms)
def test_merging_is_commutative(first, second):
    assert merged(first, second) == merged(second, first)


@given(histograms, histograms, histograms)
def test_merging_is_associative(first, second, third):
    assert merged(merged(first, second), third) == merged(first, merged(second, third))


@given(durations, durations)
def test_the_merged_histogram_is_that_of_all_values(first, second):
    assert merged(histogram_of(first), histogram_of(second)) == histogram_of(first + second)


@given(durations, st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]))
def test_percentile_agrees_with_numpy_within_the_bucket_error(values, share):
    exact = float(np.percentile(values, share * 100, method="inverted_cdf"))
    read = percentile(histogram_of(values), share) * 1000
    assert exact * (1 - ROUNDING) <= read <= exact * 16 / 15 * (1 + ROUNDING)


def test_percentile_of_an_empty_histogram_is_unknown():
    assert percentile({}, 0.95) is None
    assert percentile({"3": 0}, 0.95) is None


def test_histograms_are_added_with_a_weight():
    assert add({"1": 1}, {"1": 4, "2": 2}, 0.5) == {"1": 3, "2": 1}
