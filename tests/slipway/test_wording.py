"""Times, sizes and values as people read them."""

import time
from datetime import UTC, datetime

import pytest

from slipway import wording

NOW = datetime(2026, 11, 28, 16, 30, 30, tzinfo=UTC)


@pytest.fixture
def in_berlin(monkeypatch):
    monkeypatch.setenv("TZ", "CET-1")  # spelled out: needs no database of time zones
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("moment", "read"),
    [
        ("2026-11-28T16:18:26.403747Z", "2026-11-28 17:18:26 (12 min ago)"),
        ("2026-11-28T17:18:26+01:00", "2026-11-28 17:18:26 (12 min ago)"),
        ("2026-11-28T16:30:00Z", "2026-11-28 17:30:00 (30 s ago)"),
        ("2026-11-28T23:30:00", "2026-11-29 00:30:00 (in 6 h)"),
        ("2026-11-27T16:30:00Z", "2026-11-27 17:30:00 (1 day ago)"),
        ("2026-11-01T16:30:00Z", "2026-11-01 17:30:00 (27 days ago)"),
        ("", ""),
        (None, ""),
        ("soon", "soon"),
    ],
)
def test_a_time_is_local_and_says_how_long_ago(in_berlin, moment, read):
    assert wording.when(moment, NOW) == read


def test_distance_of_a_time_stands_alone():
    assert wording.ago("2026-11-28T16:18:26.403747Z", NOW) == "12 min ago"
    assert wording.ago(None, NOW) == ""


@pytest.mark.parametrize(
    ("count", "read"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_990, "1.0 MB"), (5e15, "5000.0 TB")],
)
def test_a_size_has_at_most_three_digits_before_the_point(count, read):
    assert wording.size(count) == read


@pytest.mark.parametrize(
    ("part", "total", "read"),
    [
        (210_000_000, 500_000_000, "210 of 500 MB"),
        (1_250_000, 2_000_000_000, "0 of 2 GB"),
        (4, 10, "4 of 10 B"),
        (999_990, 999_990, "1 of 1 MB"),
        (192_900_000, 524_288_000, "192.9 of 524.3 MB"),
        (0, 0, "0 of 0 B"),
    ],
)
def test_part_of_a_size_is_in_the_unit_of_the_whole(part, total, read):
    assert wording.part_of(part, total) == read


def test_values_of_json_read_as_people_write_them():
    values = {"grpc": False, "auth": True, "cpu": 1.0, "memory_gb": 0.5, "server": {"a": 1}, "empty": "", "area": "x"}
    assert wording.pairs(values) == 'area=x, auth=yes, cpu=1, empty, grpc=no, memory_gb=0.5, server={"a": 1}'
