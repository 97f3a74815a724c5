"""The service's charts: one table of what they show."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from monitoring.charts import drawing
from monitoring.charts.drawing import Column, FigureData
from monitoring.telemetry.series import Series
from studio.core.quantities import per_time

BLUE, ORANGE, GREEN, PURPLE, RED, GREY = (f"var(--series-{number})" for number in range(1, 7))
_CODE_COLOURS = {"400": ORANGE, "401": GREY, "403": GREY, "404": BLUE, "429": GREEN, "500": RED, "503": PURPLE}
_PART_COLOURS = {"queue": GREY, "decode": BLUE, "infer": ORANGE, "encode": GREEN, "other": PURPLE}


@dataclass(frozen=True)
class Chart:
    """All that the page, the table, the CSV file and the REST API need to know of a chart.

    `columns` reads a series. `axis` is the unit at the axis, where it is shorter than `unit`. `if_empty` is what a
    chart without columns says; without these words it is not shown. `counted` names what is counted per second, which
    is drawn in the unit of time in which the service's throughput reads best. `may_be_log`: whether its values lie so
    far apart that a logarithmic axis helps. `as_json` gives the chart's part of the REST response, in base units; by
    default its columns under its id.
    """

    id: str
    title: str
    unit: str
    columns: Callable[[Series], list[Column]]
    axis: str = ""
    stacked: bool = False
    if_empty: str = ""
    counted: str = ""
    may_be_log: bool = False
    as_json: Callable[[Series], dict[str, Any]] | None = None

    def is_shown(self, series: Series) -> bool:
        return bool(self.if_empty or self.columns(series))

    def draw(self, series: Series, *, log: bool = False) -> FigureData:
        """The Plotly figure; `log` for a logarithmic axis, where the chart may have one."""
        columns, unit = self._scaled(series)
        figure = drawing.new_figure(series, f"{self.title}, {unit}", unit if self.counted else self.axis or unit)
        if self.stacked:
            drawing.add_stack(figure, series, columns)
        else:
            for column in columns:
                drawing.add_line(figure, series, column)
        if not columns:
            drawing.annotate(figure, self.if_empty)
        elif log and self.may_be_log:
            figure.update_yaxes(type="log", rangemode="normal")
        figure.update_layout(meta={"unit": unit})
        return drawing.to_json(figure)

    def unit_of(self, series: Series) -> str:
        """The unit that `draw` uses."""
        return f"{self.counted}/{per_time(series.total.requests_per_second)[1]}" if self.counted else self.unit

    def _scaled(self, series: Series) -> tuple[list[Column], str]:
        """The columns in the unit that they are drawn in, and the unit."""
        columns, unit = self.columns(series), self.unit_of(series)
        if unit == self.unit:
            return columns, unit
        factor, _ = per_time(series.total.requests_per_second)
        scaled = [
            replace(
                column,
                name=unit if column.name == self.unit else column.name,
                values=[None if value is None else value * factor for value in column.values],
            )
            for column in columns
        ]
        return scaled, unit

    def numbers(self, series: Series) -> dict[str, Any]:
        """The chart's part of the REST response."""
        if self.as_json:
            return self.as_json(series)
        return {self.id: {column.name: column.values for column in self.columns(series)}}


def _latency(series: Series) -> list[Column]:
    return [
        Column("p50", "p50 ms", series.p50, BLUE),
        Column("p95", "p95 ms", series.p95, ORANGE),
        Column("p99", "p99 ms", series.p99, RED),
        Column("queue p95", "queue p95 ms", series.queue_p95, GREY, dash="dot"),
    ]


def _parts(series: Series) -> list[Column]:
    return [Column(part, f"{part} mean ms", values, _PART_COLOURS[part]) for part, values in series.parts.items()]


def _errors(series: Series) -> list[Column]:
    return [Column(code, f"{code} errors/s", values, _code_colour(code)) for code, values in series.errors.items()]


def _callers_latency(series: Series) -> list[Column]:
    found = zip((0.5, 0.95, 0.99), (BLUE, ORANGE, RED), strict=True)
    columns = [
        Column(
            f"p{100 * share:g}", f"p{100 * share:g} for callers ms", series.callers.percentile("latency", share), colour
        )
        for share, colour in found
    ]
    return columns if any(value is not None for column in columns for value in column.values) else []


def _callers_errors(series: Series) -> list[Column]:
    codes = [code for code in series.callers.labels("codes") if code >= "400"]
    rates = [(code, series.callers.rate("codes", code)) for code in codes]
    return [Column(code, f"{code} for callers/s", values, _code_colour(code)) for code, values in rates]


def _code_colour(code: str) -> str:
    return _CODE_COLOURS.get(code, RED if code >= "500" else ORANGE)


def _memory(series: Series) -> list[Column]:
    """Resident memory of all replicas, the highest in each step, in megabytes of 1,000,000 bytes."""
    megabytes = [None if value is None else value / 1e6 for value in series.memory]
    return [Column("MB", "memory MB", megabytes, PURPLE)]


# In the order of the page.
CHARTS: dict[str, Chart] = {
    chart.id: chart
    for chart in (
        Chart(
            "throughput",
            "Throughput",
            "requests/s",
            lambda series: [Column("requests/s", "requests/s", series.requests, BLUE)],
            counted="requests",
            as_json=lambda series: {"requests_per_second": series.requests},
        ),
        Chart(
            "latency",
            "Latency",
            "ms",
            _latency,
            may_be_log=True,
            as_json=lambda series: {
                "latency_ms": {"p50": series.p50, "p95": series.p95, "p99": series.p99},
                "queue_ms": {"p95": series.queue_p95},
            },
        ),
        Chart(
            "time",
            "Latency breakdown",
            "ms per request",
            _parts,
            axis="ms",
            stacked=True,
            if_empty="Not measured in this time",
            as_json=lambda series: {"time_ms": series.parts},
        ),
        Chart(
            "batch",
            "Batch size",
            "rows per run",
            lambda series: [Column("rows", "rows per run", series.batch, ORANGE)] if series.batch else [],
            axis="rows",
            as_json=lambda series: {"rows_per_run": series.batch},
        ),
        Chart(
            "errors",
            "Errors by status",
            "errors/s",
            _errors,
            stacked=True,
            counted="errors",
            if_empty="No errors in this time",
            as_json=lambda series: {"errors_per_second": series.errors},
        ),
        Chart(
            "callers_latency",
            "Latency as callers saw it",
            "ms",
            _callers_latency,
            may_be_log=True,
        ),
        Chart(
            "callers_errors", "Errors as callers saw them", "errors/s", _callers_errors, stacked=True, counted="errors"
        ),
        Chart(
            "cpu",
            "CPU",
            "cores",
            lambda series: [Column("cores", "CPU cores", series.cpu, GREEN)],
            as_json=lambda series: {"cpu_cores": series.cpu},
        ),
        Chart("memory", "Memory", "MB", _memory, as_json=lambda series: {"memory_bytes": series.memory}),
    )
}


def shown(series: Series) -> list[Chart]:
    """The charts that have something to show or to say."""
    return [chart for chart in CHARTS.values() if chart.is_shown(series)]


def captions(series: Series) -> list[dict[str, str]]:
    """Id, title and unit of the charts that are shown."""
    return [{"id": chart.id, "title": chart.title, "unit": chart.unit_of(series)} for chart in shown(series)]


def all_figures(series: Series, *, log: bool = False) -> dict[str, FigureData]:
    """The Plotly figures of the charts that are shown, by id."""
    return {chart.id: chart.draw(series, log=log) for chart in shown(series)}
