"""The numbers behind the charts as rows: for the table on the page and the CSV file."""

import csv
from collections.abc import Iterator
from typing import Protocol

from monitoring.telemetry.series import Series, Values

Row = list[str | float | None]


class Writable(Protocol):
    """What a CSV file is written to: a file, or a response."""

    def write(self, text: str, /) -> object: ...


def columns(series: Series, chart: str | None = None) -> dict[str, Values]:
    """Values by heading with unit, of one chart of monitoring.charts.charts or of all."""
    errors = {f"{code} errors/s": values for code, values in series.errors.items()}
    megabytes = [None if value is None else value / 1e6 for value in series.memory]
    groups: dict[str, dict[str, Values]] = {
        "throughput": {"requests/s": series.requests},
        "latency": {
            "p50 ms": series.p50,
            "p95 ms": series.p95,
            "p99 ms": series.p99,
            "queue p95 ms": series.queue_p95,
        },
        "time": {f"{part} mean ms": values for part, values in series.parts.items()},
        "batch": {"rows per run": series.batch} if series.batch else {},
        "errors": errors,
        "cpu": {"CPU cores": series.cpu},
        "memory": {"memory MB": megabytes},
    }
    if chart in groups:
        return groups[chart]
    return {heading: values for group in groups.values() for heading, values in group.items()}


def headings(series: Series, chart: str | None = None) -> list[str]:
    """Headings of `rows`."""
    return ["time (UTC)", *columns(series, chart)]


def rows(series: Series, chart: str | None = None) -> Iterator[Row]:
    """One row per step; a gap is None."""
    lists = list(columns(series, chart).values())
    for index, moment in enumerate(series.times):
        yield [f"{moment:%Y-%m-%d %H:%M:%S}", *(_rounded(values[index]) for values in lists)]


def write_csv(series: Series, out: Writable, chart: str | None = None) -> None:
    """Write headings and rows; gaps are empty fields."""
    writer = csv.writer(out)
    writer.writerow(headings(series, chart))
    writer.writerows(rows(series, chart))


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
