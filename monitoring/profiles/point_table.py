"""What a profile has measured: read back, picked out, and as rows for tables and CSV. Pure but for the response."""

import csv
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from django.http import HttpResponse

from monitoring.models import Profile
from monitoring.profiles.wording import MEBIBYTE
from monitoring.profiling.measure import Configuration, Goal, Point

SUCCESS = 0.999  # of the requests that a load which counts as held must have answered
HEADINGS = (
    "purpose",
    "replicas",
    "cores each",
    "batch rows",
    "connections",
    "requests/s asked",
    "requests/s answered",
    "p50 ms",
    "p90 ms",
    "p95 ms",
    "p99 ms",
    "p99.9 ms",
    "failed",
    "cores used",
    "memory MB",
    "remark",
)


def points_of(profile: Profile) -> list[Point]:
    """In the order in which they were measured."""
    return msgspec.convert(profile.points, list[Point])


def curve(points: Sequence[Point], configuration: Configuration) -> list[Point]:
    """Open loops of one configuration by their rate; of two with one rate the longer counts."""
    found: dict[float, Point] = {}
    for point in points:
        rate = point.load.rate
        if point.configuration == configuration and rate is not None and point.measured.p99 is not None:
            before = found.get(rate)
            if before is None or point.load.seconds >= before.load.seconds:
                found[rate] = point
    return [found[rate] for rate in sorted(found)]


def held(points: Sequence[Point], goal: Goal) -> dict[Configuration, float]:
    """By configuration, the highest measured load within the goal, in requests a second; 0 where none was."""
    best: dict[Configuration, float] = {}
    for point in points:
        best[point.configuration] = max(best.get(point.configuration, 0.0), _held_by(point, goal))
    return best


def _held_by(point: Point, goal: Goal) -> float:
    measured = point.measured
    within = measured.p99 is not None and measured.p99 <= goal.p99 and measured.success >= SUCCESS
    return measured.throughput if within else 0.0


def best_at_each_size(loads: dict[Configuration, float]) -> list[tuple[float, float]]:
    """Cores and load of configurations that no smaller or equal one beats, by cores."""
    front: list[tuple[float, float]] = []
    by_cores: dict[float, float] = {}
    for one, load in loads.items():
        by_cores[one.cores] = max(by_cores.get(one.cores, 0.0), load)
    for cores in sorted(by_cores):
        if not front or by_cores[cores] > front[-1][1]:
            front.append((cores, by_cores[cores]))
    return front


def rows(points: Sequence[Point]) -> Iterator[list[Any]]:
    """As `HEADINGS` says."""
    for point in points:
        one, load, found = point.configuration, point.load, point.measured
        yield [
            point.purpose,
            one.replicas,
            one.threads,
            one.batch_rows,
            load.connections,
            load.rate,
            *(_rounded(value) for value in (found.throughput, found.p50, found.p90, found.p95, found.p99, found.p999)),
            found.failed,
            _rounded(found.cpu),
            _rounded(found.memory / MEBIBYTE if found.memory else None),
            found.error or found.reason,
        ]


def csv_response(profile: Profile) -> HttpResponse:
    """All measurements as a file."""
    return csv_file(f"profile-{profile.pk}.csv", HEADINGS, rows(points_of(profile)))


def csv_file(name: str, headings: Sequence[str], lines: Any) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    writer = csv.writer(response)
    writer.writerow(headings)
    writer.writerows(lines)
    return response


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
