"""The service's charts: one table of what they show, and how a series becomes a Plotly figure as plain data.

Colours are names of the page's tokens, `--series-1`: the browser puts in those of the theme that is on. Text, grid and
background stay unset for the same reason. Times are ISO 8601 in UTC.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitoring.telemetry.series import Series, Values

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FigureData = dict[str, Any]

BLUE, ORANGE, GREEN, PURPLE, RED, GREY = (f"var(--series-{number})" for number in range(1, 7))
_CODE_COLOURS = {"400": ORANGE, "401": GREY, "403": GREY, "404": BLUE, "429": GREEN, "500": RED, "503": PURPLE}
_PART_COLOURS = {"queue": GREY, "decode": BLUE, "infer": ORANGE, "encode": GREEN, "other": PURPLE}
MARKERS_UP_TO = 30  # points that are drawn one by one; more of them become a line


@dataclass(frozen=True)
class Column:
    """One line or stack of a chart and one column of the table. `name` is for the legend, `heading` has the unit."""

    name: str
    heading: str
    values: Values
    colour: str
    dash: str = "solid"


@dataclass(frozen=True)
class Chart:
    """All that the page, the table, the CSV file and the REST API need to know of a chart.

    `columns` reads a series. `axis` is the unit at the axis, where it is shorter than `unit`. `if_empty` is what a
    chart without columns says; without these words it is not shown. `as_json` gives the chart's part of the REST
    response, in base units; by default its columns under its id.
    """

    id: str
    title: str
    unit: str
    columns: Callable[[Series], list[Column]]
    axis: str = ""
    stacked: bool = False
    if_empty: str = ""
    as_json: Callable[[Series], dict[str, Any]] | None = None

    def is_shown(self, series: Series) -> bool:
        return bool(self.if_empty or self.columns(series))

    def draw(self, series: Series) -> FigureData:
        """The Plotly figure."""
        columns = self.columns(series)
        figure = _figure(series, f"{self.title}, {self.unit}", self.axis or self.unit)
        if self.stacked:
            _stack(figure, series, columns)
        else:
            for column in columns:
                _line(figure, series, column)
        if not columns:
            _annotate(figure, self.if_empty)
        return _plain(figure)

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
            as_json=lambda series: {"requests_per_second": series.requests},
        ),
        Chart(
            "latency",
            "Latency",
            "ms",
            _latency,
            as_json=lambda series: {
                "latency_ms": {"p50": series.p50, "p95": series.p95, "p99": series.p99},
                "queue_ms": {"p95": series.queue_p95},
            },
        ),
        Chart(
            "time",
            "Where the time goes",
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
            if_empty="No errors in this time",
            as_json=lambda series: {"errors_per_second": series.errors},
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


def all_figures(series: Series) -> dict[str, FigureData]:
    """The Plotly figures of the charts that are shown, by id."""
    return {chart.id: chart.draw(series) for chart in shown(series)}


def _figure(series: Series, title: str, unit: str) -> "Figure":
    from plotly.graph_objects import Figure  # 27 MB once used: not for a web process that shows no chart

    end = series.times[-1] + timedelta(seconds=series.step)
    figure = Figure()
    figure.update_layout(
        template=None,
        title={"text": title},
        hovermode="x unified",
        margin={"l": 44, "r": 16, "t": 20, "b": 30},
        xaxis={
            "type": "date",
            "range": [_text(series.times[0]), _text(end)],
            "showgrid": False,
            "tickformat": "%H:%M" if end - series.times[0] < timedelta(hours=23) else "%d %b %H:%M",
            "hoverformat": "%d %b %H:%M:%S",
        },
        yaxis={"title": {"text": unit}, "rangemode": "tozero", "nticks": 5},
        shapes=[_line_at(mark.at) for mark in series.marks],
        annotations=[_label_at(mark.at, mark.label) for mark in series.marks],
    )
    return figure


def _line(figure: "Figure", series: Series, column: Column) -> None:
    """Add a line with gaps where there is no value."""
    values = column.values
    few = _has_isolated_point(values) or sum(value is not None for value in values) <= MARKERS_UP_TO
    unit = figure.layout.yaxis.title.text
    label = "" if column.name == unit else f"{column.name}: "
    figure.add_scatter(
        x=_times(series),
        y=_rounded(values),
        name=column.name,
        mode="lines+markers" if few else "lines",
        marker={"size": 4},
        line={"color": column.colour, "width": 1.5, "dash": column.dash},
        connectgaps=False,
        hovertemplate=f"{label}%{{y}} {unit}<extra></extra>",
    )
    figure.update_layout(showlegend=len(figure.data) > 1)


def _stack(figure: "Figure", series: Series, columns: list[Column]) -> None:
    """Add bars on top of each other."""
    unit = figure.layout.yaxis.title.text
    for column in columns:
        figure.add_bar(
            x=_times(series),
            y=_rounded(column.values),
            name=column.name,
            marker={"color": column.colour},
            hovertemplate=f"{column.name}: %{{y}} {unit}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0, showlegend=bool(columns), legend={"traceorder": "normal"})


def _annotate(figure: "Figure", text: str) -> None:
    """Words in the place of a drawing."""
    figure.add_annotation(text=text, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    figure.update_yaxes(range=[0, 1], showticklabels=False)


def _has_isolated_point(values: Values) -> bool:
    """Is there a value between two gaps? A line alone would not show it."""
    padded = [None, *values, None]
    triples = zip(padded, padded[1:], padded[2:], strict=False)
    return any(here is not None and before is None and after is None for before, here, after in triples)


def _line_at(moment: datetime) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": _text(moment),
        "x1": _text(moment),
        "y0": 0,
        "y1": 1,
        "line": {"width": 1, "dash": "dash", "color": GREY},
    }


def _label_at(moment: datetime, label: str) -> dict[str, Any]:
    return {
        "text": label,
        "hovertext": f"{label} deployed at {moment:%Y-%m-%d %H:%M:%S} UTC",
        "x": _text(moment),
        "xref": "x",
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "showarrow": False,
    }


def _code_colour(code: str) -> str:
    return _CODE_COLOURS.get(code, RED if code >= "500" else ORANGE)


def _times(series: Series) -> list[str]:
    return [_text(moment) for moment in series.times]


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    """Five significant digits: what a person can read, at half the bytes."""
    return [value if value is None else float(f"{value:.5g}") for value in values]


def _plain(figure: "Figure") -> FigureData:
    data: FigureData = _named(figure.to_plotly_json())
    data["layout"].pop("template", None)
    return data


def _named(value: Any) -> Any:
    """Tokens by their bare names, `--series-1`, as the page's script wants them; Plotly itself knows only `var()`."""
    if isinstance(value, dict):
        return {key: _named(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_named(each) for each in value]
    return value[4:-1] if isinstance(value, str) and value.startswith("var(") else value
