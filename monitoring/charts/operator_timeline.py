"""A run's operators one after the other, as bars of a Plotly figure."""

from typing import Any

from monitoring.charts.drawing import FigureData, to_json
from registry.inspection.operator_times import Span

COLOURS, OTHERS = 4, 6
MOST = 200  # bars; what comes later in a longer run is in the CSV file
HEADINGS = ["operator", "type", "runs on", "begins at µs", "takes µs", "without its subgraphs µs"]


def draw(timeline: list[Span]) -> FigureData:
    """One line for each type of operator, in the order in which they first begin."""
    from plotly.graph_objects import Figure  # 27 MB once used: not for a web process that shows no chart

    figure, seen = Figure(), timeline[:MOST]
    kinds = list(dict.fromkeys(span.op for span in seen))
    figure.add_bar(
        orientation="h",
        base=[span.start for span in seen],
        x=[span.duration for span in seen],
        y=[span.op for span in seen],
        text=[span.name for span in seen],
        textposition="none",
        marker={"color": [_colour(kinds.index(span.op)) for span in seen]},
        hovertemplate="%{text}<br>%{y}: %{x:.1f} µs<extra></extra>",
    )
    figure.update_layout(
        template=None,
        title={"text": "One run, µs since it began"},
        barmode="overlay",
        bargap=0.35,
        showlegend=False,
        margin={"l": 8, "r": 16, "t": 24, "b": 40},
        xaxis={"title": {"text": "µs since the run began"}, "rangemode": "tozero", "showgrid": False, "nticks": 7},
        yaxis={"autorange": "reversed", "automargin": True, "categoryorder": "array", "categoryarray": kinds},
    )
    return to_json(figure)


def _colour(index: int) -> str:
    return f"var(--series-{index + 1 if index < COLOURS else OTHERS})"


def rows(timeline: list[Span]) -> list[list[Any]]:
    """All of them, for the CSV file."""
    return [[span.name, span.op, span.provider, span.start, span.duration, span.own] for span in timeline]
