import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from monitoring import tasks
from monitoring.models import MetricWindow, Resolution
from monitoring.telemetry import rollups
from monitoring.telemetry.rollups import pack, roll_up, unpack
from monitoring.telemetry.series import merge

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def totals():
    """Everything that must survive a roll-up: counts by status and bucket, seconds and core-seconds."""
    found = Counter()
    for row in MetricWindow.objects.all():
        for name, counts in (row.counters | row.histograms).items():
            for key, count in counts.items():
                found[name, key] += count
        found["seconds"] += row.seconds
        found["core-seconds"] += round(row.gauges["cpu"] * row.seconds, 6)
    return found


@pytest.fixture
def two_hours(service, add_window):
    """Windows of two replicas: ten minutes of five-second windows, beginning two hours before NOW."""
    for index in range(120):
        for replica in ("1", "2"):
            add_window(
                service,
                at=NOW - timedelta(hours=2) + timedelta(seconds=5 * index),
                sequence=index,
                replica=replica,
                latencies=[1000 + 37 * index, 250_000],
                codes={"200": 1, "503": 1},
                queue={"4": 2},
                infer={"90": 2},
                spent={"total": 9000 + index, "queue": 8, "decode": 5, "infer": 8000, "encode": 7},
                rows={"1": 1, "8": 1},
                keys={"primary": 1, "none": 1},
                cpu=0.1 * (index % 7),
                memory=1000 + index,
            )


@pytest.mark.usefixtures("two_hours")
def test_windows_of_an_hour_ago_are_merged_into_minutes_without_loss():
    before = totals()
    assert roll_up(NOW) == 240
    assert totals() == pytest.approx(before)
    assert MetricWindow.objects.count() == 2 * 10
    assert set(MetricWindow.objects.values_list("resolution", flat=True)) == {Resolution.MINUTE}
    row = MetricWindow.objects.filter(replica="1").earliest("start")
    assert (row.start, row.seconds, row.gauges["memory"]) == (NOW - timedelta(hours=2), 60, 1011)
    assert unpack(row.merged) == list(range(12))


@pytest.mark.usefixtures("two_hours")
def test_minutes_of_a_day_ago_are_merged_into_ten_minutes():
    before = totals()
    roll_up(NOW)
    roll_up(NOW + timedelta(days=1))
    assert totals() == pytest.approx(before)
    rows = MetricWindow.objects.order_by("replica")
    assert [(row.replica, row.resolution) for row in rows] == [("1", 600), ("2", 600)]
    assert all(unpack(row.merged) == list(range(120)) for row in rows)


@pytest.mark.usefixtures("two_hours")
def test_roll_up_is_idempotent():
    roll_up(NOW)
    before = list(MetricWindow.objects.order_by("pk").values())
    assert roll_up(NOW) == 0
    assert list(MetricWindow.objects.order_by("pk").values()) == before


@pytest.mark.usefixtures("two_hours")
def test_percentiles_are_the_same_after_a_roll_up(service):
    since, until = NOW - timedelta(hours=2), NOW - timedelta(hours=1, minutes=50)
    before = merge(MetricWindow.objects.all(), since, until, 600)
    roll_up(NOW + timedelta(days=2))
    after = merge(MetricWindow.objects.all(), since, until, 600)
    assert (after.p50, after.p95, after.p99) == (before.p50, before.p95, before.p99)
    assert after.requests == pytest.approx(before.requests)
    assert after.cpu == pytest.approx(before.cpu)


def test_minute_split_over_two_batches_is_merged_without_loss(two_hours, monkeypatch):
    monkeypatch.setattr(rollups, "BATCH", 7)
    before = totals()
    roll_up(NOW)
    assert totals() == pytest.approx(before)
    assert MetricWindow.objects.count() == 20


def test_recent_windows_are_not_rolled_up(service, add_window):
    add_window(service, at=NOW - timedelta(minutes=59))
    assert roll_up(NOW) == 0
    assert MetricWindow.objects.get().resolution == Resolution.RAW


def test_windows_of_different_revisions_are_not_merged(service, add_window):
    for revision in (1, 2):
        add_window(service, at=NOW - timedelta(hours=2), revision=revision, sequence=revision)
    roll_up(NOW)
    assert sorted(MetricWindow.objects.values_list("revision", "merged")) == [(1, [1]), (2, [2])]


@pytest.mark.parametrize("later", [timedelta(), timedelta(days=1), timedelta(days=3)])
def test_push_repeated_after_the_roll_up_counts_once(service, add_window, later):
    facts = {"at": NOW - timedelta(hours=2), "sequence": 5, "latencies": [900]}
    add_window(service, **facts)
    roll_up(NOW)
    roll_up(NOW + later)
    add_window(service, **facts)
    roll_up(NOW + later)
    row = MetricWindow.objects.get()
    assert (row.counters["codes"], row.merged) == ({"200": 1}, [5])


@pytest.mark.parametrize("later", [timedelta(), timedelta(days=3)])
def test_late_window_is_added_to_its_roll_up(service, add_window, later):
    add_window(service, at=NOW - timedelta(hours=2), sequence=5, latencies=[900])
    roll_up(NOW + later)
    add_window(service, at=NOW - timedelta(hours=2) + timedelta(seconds=5), sequence=6, latencies=[900])
    roll_up(NOW + later)
    row = MetricWindow.objects.get()
    assert (row.counters["codes"], row.seconds, row.merged) == ({"200": 2}, 10, [5, 1])


@pytest.mark.usefixtures("two_hours")
def test_crash_during_a_roll_up_changes_nothing(monkeypatch):
    before = totals()

    def crash(kind, rows):
        raise KeyboardInterrupt

    monkeypatch.setattr(rollups, "_save", crash)
    with pytest.raises(KeyboardInterrupt):
        roll_up(NOW)
    assert MetricWindow.objects.count() == 240
    assert totals() == before


def test_windows_merged_by_another_worker_are_skipped(two_hours, monkeypatch):
    original = rollups.MetricWindow.objects.filter

    def merged_by_another_worker(**conditions):
        if "pk__in" in conditions:
            original(pk=conditions["pk__in"][0]).delete()
        return original(**conditions)

    monkeypatch.setattr(rollups.MetricWindow.objects, "filter", merged_by_another_worker)
    assert roll_up(NOW) == 0
    assert MetricWindow.objects.filter(resolution=Resolution.MINUTE).count() == 0


def test_windows_are_deleted_after_the_retention(service, add_window):
    add_window(service, at=NOW - timedelta(days=31))
    add_window(service, at=NOW - timedelta(days=29))
    roll_up(NOW)
    assert MetricWindow.objects.get().start > NOW - timedelta(days=30)


def test_task_rolls_up_old_windows(service, add_window):
    add_window(service, ago=7200)
    tasks.roll_up()
    assert MetricWindow.objects.get().resolution == Resolution.MINUTE


@given(st.sets(st.integers(0, 2**53)))
def test_packed_sequence_numbers_round_trip(numbers):
    assert unpack(pack(numbers)) == sorted(numbers)
    assert all(step > 0 for step in pack(numbers)[1:])


@pytest.mark.django_db(transaction=True)
def test_concurrent_roll_ups_lose_nothing(two_hours, monkeypatch):
    monkeypatch.setattr(rollups, "BATCH", 40)
    before = totals()

    def work():
        try:
            roll_up(NOW)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    roll_up(NOW)
    assert totals() == pytest.approx(before)
    assert MetricWindow.objects.count() == 20
