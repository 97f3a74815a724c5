"""Figures for the service's charts: functions from a series to a Plotly figure as plain data.

Colours are names of the page's tokens, `--series-1`: the browser puts in those of the theme that is on. Text, grid and
background stay unset for the same reason. Times are ISO 8601 in UTC.
"""

from collections.abc import Callable, Iterable, Mapping
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


def throughput(series: Series) -> FigureData:
    """Answered requests per second, whatever their status."""
    figure = _figure(series, "Throughput, requests/s", "requests/s")
    _line(figure, series, series.requests, "requests/s", BLUE)
    return _plain(figure)


def latency(series: Series) -> FigureData:
    """Percentiles of the time an answer took, and of the time requests waited for their turn."""
    figure = _figure(series, "Latency, ms", "ms")
    _line(figure, series, series.p50, "p50", BLUE)
    _line(figure, series, series.p95, "p95", ORANGE)
    _line(figure, series, series.p99, "p99", RED)
    _line(figure, series, series.queue_p95, "queue p95", GREY, dash="dot")
    return _plain(figure)


def time_spent(series: Series) -> FigureData:
    """Where the time of a request goes, on average: the parts add up to the mean latency."""
    figure = _figure(series, "Where the time goes, ms per request", "ms")
    _stack(figure, series, {part: (values, _PART_COLOURS[part]) for part, values in series.parts.items()})
    if not series.parts:
        _say(figure, "Not measured in this time")
    return _plain(figure)


def batch(series: Series) -> FigureData:
    """Rows of the run that a request shared with others, on average."""
    figure = _figure(series, "Batch size, rows per run", "rows")
    _line(figure, series, series.batch or [None] * len(series.times), "rows", ORANGE)
    return _plain(figure)


def errors(series: Series) -> FigureData:
    """Answers with status 400 or more per second, stacked by status."""
    figure = _figure(series, "Errors by status, errors/s", "errors/s")
    _stack(figure, series, {code: (values, _code_colour(code)) for code, values in series.errors.items()})
    if not series.errors:
        _say(figure, "No errors in this time")
    return _plain(figure)


def cpu(series: Series) -> FigureData:
    """Cores used on average."""
    figure = _figure(series, "CPU, cores", "cores")
    _line(figure, series, series.cpu, "cores", GREEN)
    return _plain(figure)


def memory(series: Series) -> FigureData:
    """Resident memory of all replicas, the highest in each step, in megabytes (1,000,000 bytes)."""
    megabytes = [value if value is None else value / 1e6 for value in series.memory]
    figure = _figure(series, "Memory, MB", "MB")
    _line(figure, series, megabytes, "MB", PURPLE)
    return _plain(figure)


CHARTS: dict[str, Callable[[Series], FigureData]] = {
    "throughput": throughput,
    "latency": latency,
    "time": time_spent,
    "batch": batch,
    "errors": errors,
    "cpu": cpu,
    "memory": memory,
}


def all_figures(series: Series) -> dict[str, FigureData]:
    """Every chart of a service by its id; "batch" only where runs are shared."""
    return {name: draw(series) for name, draw in CHARTS.items() if name != "batch" or series.batch}


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


def _line(figure: "Figure", series: Series, values: Values, name: str, colour: str, *, dash: str = "solid") -> None:
    """Add a line with gaps where there is no value."""
    few = _has_lonely(values) or sum(value is not None for value in values) <= MARKERS_UP_TO
    unit = figure.layout.yaxis.title.text
    label = "" if name == unit else f"{name}: "
    figure.add_scatter(
        x=_times(series),
        y=_rounded(values),
        name=name,
        mode="lines+markers" if few else "lines",
        marker={"size": 4},
        line={"color": colour, "width": 1.5, "dash": dash},
        connectgaps=False,
        hovertemplate=f"{label}%{{y}} {unit}<extra></extra>",
    )
    figure.update_layout(showlegend=len(figure.data) > 1)


def _stack(figure: "Figure", series: Series, bars: Mapping[str, tuple[Values, str]]) -> None:
    """Add bars on top of each other, by name with their colours."""
    unit = figure.layout.yaxis.title.text
    for name, (values, colour) in bars.items():
        figure.add_bar(
            x=_times(series),
            y=_rounded(values),
            name=name,
            marker={"color": colour},
            hovertemplate=f"{name}: %{{y}} {unit}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0, showlegend=bool(bars), legend={"traceorder": "normal"})


def _say(figure: "Figure", text: str) -> None:
    """Words in the place of a drawing."""
    figure.add_annotation(text=text, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    figure.update_yaxes(range=[0, 1], showticklabels=False)


def _has_lonely(values: Values) -> bool:
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
