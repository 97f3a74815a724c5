"""How a series becomes a Plotly figure as plain data.

Colours are names of the page's tokens, `--series-1`: the browser puts in those of the theme that is on. Text, grid and
background stay unset for the same reason. Times are ISO 8601 in UTC.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitoring.telemetry.series import Series, Values

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FigureData = dict[str, Any]
MARKERS_UP_TO = 30  # points that are drawn one by one; more of them become a line
MARK_COLOUR = "var(--series-6)"


@dataclass(frozen=True)
class Column:
    """One line or stack of a chart and one column of the table. `name` is for the legend, `heading` has the unit."""

    name: str
    heading: str
    values: Values
    colour: str
    dash: str = "solid"


def new_figure(series: Series, title: str, unit: str) -> "Figure":
    """An empty figure over the time of the series, with what happened then."""
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
            "tickformat": _tick_format(end - series.times[0]),
            "hoverformat": "%d %b %H:%M:%S",
        },
        yaxis={"title": {"text": unit}, "rangemode": "tozero", "nticks": 5},
        shapes=[_line_at(mark.at) for mark in series.marks],
        annotations=[_label_at(mark.at, mark.label) for mark in series.marks],
    )
    return figure


def _tick_format(span: timedelta) -> str:
    """As exact as neighbouring ticks need it to differ."""
    if span < timedelta(minutes=10):
        return "%H:%M:%S"
    return "%H:%M" if span < timedelta(hours=23) else "%d %b %H:%M"


def add_line(figure: "Figure", series: Series, column: Column) -> None:
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


def add_stack(figure: "Figure", series: Series, columns: list[Column]) -> None:
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


def annotate(figure: "Figure", text: str) -> None:
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
        "line": {"width": 1, "dash": "dash", "color": MARK_COLOUR},
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


def _times(series: Series) -> list[str]:
    return [_text(moment) for moment in series.times]


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    """Five significant digits: what a person can read, at half the bytes."""
    return [value if value is None else float(f"{value:.5g}") for value in values]


def to_json(figure: "Figure") -> FigureData:
    """The figure as the page's script takes it."""
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
