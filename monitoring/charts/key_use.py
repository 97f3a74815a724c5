"""Requests by key and day: the chart, and its rows for table and CSV."""

from collections.abc import Iterator
from datetime import UTC, datetime, time

from deployments.services.key_use import DailyUse
from monitoring.charts.drawing import Column, FigureData, add_stack, new_figure, to_json
from monitoring.telemetry.series import Series

SHOWN = 5  # keys by name; the rest is added up
OTHERS = "other keys"
DAY_SECONDS = 86_400


def draw(use: DailyUse) -> FigureData:
    """The Plotly figure."""
    midnights = [datetime.combine(day, time(), UTC) for day in use.days]
    series = Series(midnights, DAY_SECONDS, [], [], [], [], [], {}, [], [])  # the time alone
    columns = [
        Column(key, key, list(requests), f"var(--series-{number})")
        for number, (key, requests) in enumerate(busiest(use).items(), start=1)
    ]
    figure = new_figure(series, "Requests by key, a day", "requests")
    add_stack(figure, series, columns)
    figure.update_traces(xperiod=DAY_SECONDS * 1000, xperiodalignment="middle")
    figure.update_layout(showlegend=True, bargap=0.2)
    figure.update_xaxes(tickformat="%d %b", hoverformat="%d %b")
    return to_json(figure)


def busiest(use: DailyUse) -> dict[str, list[int]]:
    """The busiest keys, and all others together."""
    names = list(use.requests)
    if len(names) <= SHOWN + 1:
        return use.requests
    shown = {key: use.requests[key] for key in names[:SHOWN]}
    return shown | {OTHERS: [sum(day) for day in zip(*(use.requests[key] for key in names[SHOWN:]), strict=True)]}


def rows(use: DailyUse) -> Iterator[tuple[str, str, int, int]]:
    """Day, key, requests and rows, of all keys."""
    for number, day in enumerate(use.days):
        for key, requests in use.requests.items():
            if requests[number]:
                yield day.isoformat(), key, requests[number], use.rows[key][number]


def table(use: DailyUse) -> list[list[str | int]]:
    """A row for each day with requests, the newest first: the day, and requests of each of the `busiest` keys."""
    columns = busiest(use).values()
    days = [[day.isoformat(), *counts] for day, *counts in zip(use.days, *columns, strict=True) if any(counts)]
    return list(reversed(days))
