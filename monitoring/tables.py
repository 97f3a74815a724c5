"""The numbers behind the charts as rows: for the table on the page and the CSV file."""

import csv
from collections.abc import Iterator
from typing import Protocol

from monitoring.series import Series


class Writable(Protocol):
    """What a CSV file is written to: a file, or a response."""

    def write(self, text: str, /) -> object: ...


Row = list[str | float | None]


def columns(series: Series) -> list[str]:
    """Headings with units, in the order of `rows`."""
    fixed = ["time (UTC)", "requests/s", "p50 ms", "p95 ms", "p99 ms", "queue p95 ms"]
    return [*fixed, *(f"{code} errors/s" for code in series.errors), "CPU cores", "memory MB"]


def rows(series: Series) -> Iterator[Row]:
    """One row per step; a gap is None."""
    lists = [series.requests, series.p50, series.p95, series.p99, series.queue_p95, *series.errors.values(), series.cpu]
    for index, moment in enumerate(series.times):
        memory = series.memory[index]
        values = [_rounded(values[index]) for values in lists]
        yield [f"{moment:%Y-%m-%d %H:%M:%S}", *values, _rounded(memory and memory / 1e6)]


def write_csv(series: Series, out: Writable) -> None:
    """Write headings and rows; gaps are empty fields."""
    writer = csv.writer(out)
    writer.writerow(columns(series))
    writer.writerows(rows(series))


def _rounded(value: float | None) -> float | None:
    return value if value is None else float(f"{value:.5g}")
