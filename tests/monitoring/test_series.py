from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from monitoring.telemetry.ranges import RANGES, choose, series_for
from monitoring.telemetry.recent import read_recent
from monitoring.telemetry.series import Figures, aligned, service_series
from studio.core.errors import BadInput

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def test_requests_per_second_are_counts_over_time(service, add_window):
    for index in range(12):
        add_window(service, at=at(5 * index), latencies=[1000] * 10)
    series = service_series(service, NOON, at(60), 20)
    assert series.times == [NOON, at(20), at(40)]
    assert series.requests == pytest.approx([2, 2, 2])


def test_windows_across_two_steps_are_split_proportionally(service, add_window):
    for index in range(12):
        add_window(service, at=at(5.03 * index + 1.7), latencies=[1000] * 10)
    series = service_series(service, NOON, at(60), 10)
    assert series.requests == pytest.approx([2] * 6, rel=0.02)


def test_gap_is_none_and_not_zero(service, add_window):
    add_window(service, at=at(0), latencies=[1000])
    add_window(service, at=at(5), latencies=[1000])
    add_window(service, at=at(40))
    series = service_series(service, NOON, at(60), 10)
    assert series.requests == pytest.approx([0.2, None, None, None, 0, None])
    for values in (series.p50, series.p95, series.cpu, series.memory):
        assert values[1] is None
    assert series.p95[4] is None, "no request, no latency"
    assert series.cpu[4] == pytest.approx(0.5)


def test_unfinished_step_is_not_shown_as_a_drop(service, add_window):
    for index in range(5):
        add_window(service, at=at(5 * index), latencies=[1000] * 5)
    assert service_series(service, NOON, at(26), 20).requests == pytest.approx([1, 1])


def test_service_that_ends_within_a_step_leaves_a_gap(service, add_window):
    for begin in (0, 5, 10, 30, 35):
        add_window(service, at=at(begin), latencies=[1000] * 10)
    series = service_series(service, NOON, at(40), 10)
    assert series.requests == pytest.approx([2, 2, None, 2])
    assert series.cpu == pytest.approx([0.5, 0.5, None, 0.5])


def test_requests_of_replicas_are_added(service, add_window):
    for replica in ("1", "2"):
        add_window(service, at=at(0), seconds=10, replica=replica, latencies=[1000] * 10, sequence=1)
    series = service_series(service, NOON, at(10), 10)
    assert (series.requests, series.cpu, series.memory) == ([2], [1], [200_000_000])


def test_percentiles_come_from_the_merged_histograms(service, add_window):
    add_window(service, at=at(0), latencies=[1000] * 98)
    add_window(service, at=at(5), latencies=[900_000, 900_000])
    series = service_series(service, NOON, at(10), 10)
    assert series.p95[0] == pytest.approx(1, rel=0.07)
    assert series.p99[0] == pytest.approx(900, rel=0.07)


def test_errors_are_listed_by_status(service, add_window):
    add_window(service, at=at(0), seconds=10, codes={"200": 10, "400": 5, "503": 20})
    add_window(service, at=at(10), seconds=10, codes={"200": 10})
    series = service_series(service, NOON, at(20), 10)
    assert series.errors == {"400": [0.5, 0], "503": [2, 0]}
    assert (series.total.requests, series.total.errors) == (45, 25)
    assert series.total.error_rate == pytest.approx(25 / 45)


def test_queue_time_is_separate_from_latency(service, add_window):
    add_window(service, at=at(0), latencies=[9000], queue={"5": 1})
    assert service_series(service, NOON, at(10), 10).queue_p95 == [0.005]


SPENT = {"total": 40_000, "queue": 4000, "decode": 2000, "infer": 20_000, "encode": 6000}


def test_parts_of_the_latency_add_up_to_its_mean(service, add_window):
    add_window(service, at=at(0), codes={"200": 3, "400": 1}, spent=SPENT)
    add_window(service, at=at(5), codes={"200": 4}, spent=SPENT)
    parts = service_series(service, NOON, at(20), 10).parts
    assert parts == {"queue": [1, None], "decode": [0.5, None], "infer": [5, None], "encode": [1.5, None],
                     "other": [2, None]}  # fmt: skip


def test_windows_without_parts_are_left_out_of_the_mean(service, add_window):
    add_window(service, at=at(0), codes={"200": 100}, latencies=[90_000])
    add_window(service, at=at(5), codes={"200": 4}, spent=SPENT)
    assert service_series(service, NOON, at(10), 10).parts["infer"] == [5]


def test_no_parts_of_the_latency_without_measurements(service, add_window):
    add_window(service, at=at(0), latencies=[1000])
    series = service_series(service, NOON, at(10), 10)
    assert (series.parts, series.batch) == ({}, [])


def test_the_batch_size_is_a_mean_over_requests(service, add_window):
    add_window(service, at=at(0), latencies=[1000] * 4, rows={"1": 2, "8": 2})
    add_window(service, at=at(10), latencies=[1000], rows={"1": 1})
    assert service_series(service, NOON, at(30), 10).batch == [4.5, 1, None]


def test_unbatched_requests_have_no_batch_size(service, add_window):
    add_window(service, at=at(0), latencies=[1000] * 4, rows={"1": 4})
    add_window(service, at=at(5), latencies=[1000], rows={"0": 1})
    assert service_series(service, NOON, at(10), 10).batch == []


def test_deployments_are_marked(service, add_revision):
    add_revision(service, 1, at(-100))
    add_revision(service, 2, at(30))
    marks = service_series(service, NOON, at(60), 10).marks
    assert [(mark.label, mark.at) for mark in marks] == [("r2", at(30))]


def test_windows_of_other_services_are_not_counted(service, workspace, make_service, add_window):
    add_window(make_service(workspace, "digits", token="other"), at=at(0), latencies=[1000])
    assert service_series(service, NOON, at(10), 10).requests == [None]


@pytest.mark.parametrize("key", RANGES)
def test_ranges_have_at_most_about_two_hundred_points(service, key):
    assert 50 < len(series_for(service, choose(key)).times) <= 201


def test_steps_are_aligned_to_the_clock():
    assert aligned(at(19.9), 20) == aligned(at(0), 20) == NOON
    assert aligned(at(20), 20) == at(20)


def test_an_unknown_range_names_the_known_ones():
    with pytest.raises(BadInput) as raised:
        choose("2 weeks")
    assert "15m, 1h, 6h, 24h, 7d" in raised.value.hint


def test_recent_figures_take_one_query(service, workspace, make_service, add_window, django_assert_num_queries):
    other, silent = (make_service(workspace, name, token=name) for name in ("digits", "silent"))
    for ago in (30, 25):
        add_window(service, ago=ago, codes={"200": 9, "500": 1}, latencies=[2000] * 10)
    add_window(service, ago=1200, latencies=[9_000_000])
    add_window(other, ago=20)
    with django_assert_num_queries(1):
        found = read_recent([service, other, silent])
    assert found[service.pk].requests_per_second == pytest.approx(2, rel=0.01)
    assert found[service.pk].p95_ms == pytest.approx(2, rel=0.07)
    assert found[service.pk].error_rate == pytest.approx(0.1)
    assert (found[other.pk].requests_per_second, found[other.pk].p95_ms, found[other.pk].error_rate) == (0, None, None)
    assert found[silent.pk] == Figures()


def test_memory_is_of_the_newest_revisions_replicas(service, add_window):
    add_window(service, ago=50, revision=1, memory=900)
    add_window(service, ago=30, revision=2, memory=300)
    add_window(service, ago=25, revision=2, memory=400)
    add_window(service, ago=24, revision=2, memory=50, replica="2")
    assert read_recent([service])[service.pk].memory_bytes == 450


def test_every_range_ends_now(service, add_window):
    add_window(service, ago=8, latencies=[1000])
    series = series_for(service, choose("15m"))
    assert any(value for value in series.requests[-3:])
    assert series.times[-1] <= timezone.now()
