"""The numbers behind the charts as rows: for the table on the page and the CSV file."""

import csv
from collections.abc import Iterator
from typing import Protocol

from monitoring.charts.charts import CHARTS
from monitoring.telemetry.series import Series, Values

Row = list[str | float | None]


class Writable(Protocol):
    """What a CSV file is written to: a file, or a response."""

    def write(self, text: str, /) -> object: ...


def columns(series: Series, chart: str | None = None) -> dict[str, Values]:
    """Values by heading with unit, of one chart of monitoring.charts.charts or of all."""
    chosen = [CHARTS[chart]] if chart in CHARTS else CHARTS.values()
    return {column.heading: column.values for each in chosen for column in each.columns(series)}


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
