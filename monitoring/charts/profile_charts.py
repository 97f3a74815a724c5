"""The charts of a profile: one table of what they show; page, tables and CSV loop over it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitoring.charts.drawing import FigureData, to_json
from monitoring.models import Profile
from monitoring.profiles.configurations import goal_of
from monitoring.profiles.point_table import best_at_each_size, curve, held, points_of
from monitoring.profiles.results import recommended_of
from monitoring.profiles.wording import MEBIBYTE, number
from monitoring.profiling.measure import Point

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BLUE, ORANGE, GREEN, PURPLE, RED, GREY = (f"var(--series-{index})" for index in range(1, 7))
LIMIT = "var(--series-5)"
AT, POINT, RATE, P50, P99, CORES, MEMORY, THREADS = range(8)  # of a sample
Row = list[Any]
Reader = Callable[[Profile, Profile | None], "list[Line]"]


@dataclass(frozen=True)
class Line:
    """One line: `x` and `y` of its points, in the units of the chart."""

    name: str
    x: Sequence[float | None]
    y: Sequence[float | None]
    colour: str
    dash: str = "solid"
    mode: str = "lines+markers"
    texts: Sequence[str] = ()
    fill: bool = False


@dataclass(frozen=True)
class Chart:
    """`lines` reads a profile and the one beside it; `limits` gives ("x" or "y", value, words) of dashed lines."""

    id: str
    title: str
    unit: str
    across: str
    lines: Reader
    limits: Callable[[Profile], list[tuple[str, float, str]]] = lambda profile: []
    live: bool = False  # whether it grows while the profile runs
    top: Callable[[Profile], float | None] = lambda profile: None  # what is beyond it would hide all the rest

    @property
    def caption(self) -> str:
        """The units of both directions."""
        return f"{self.unit}, by {self.across}"

    def draw(self, profile: Profile, beside: Profile | None) -> FigureData:
        from plotly.graph_objects import Figure  # 27 MB once used: not for a web process that shows no chart

        figure = Figure()
        lines = self.lines(profile, beside)
        for line in lines:
            _add(figure, line, self.unit, self.across)
        figure.update_layout(
            template=None,
            title={"text": f"{self.title}, {self.unit}"},
            hovermode="closest",
            margin={"l": 52, "r": 16, "t": 24, "b": 40},
            xaxis={"title": {"text": self.across}, "rangemode": "tozero", "showgrid": False, "nticks": 7},
            yaxis={"title": {"text": self.unit}, "rangemode": "tozero", "nticks": 5},
            showlegend=len(lines) > 1,
        )
        top = self.top(profile)
        if top is not None and any(y > top for line in lines for y in line.y if y is not None):
            figure.update_yaxes(range=[0, top])
        for axis, value, words in self.limits(profile):
            _add_limit(figure, axis, value, words)
        if not lines:
            figure.add_annotation(text="Not measured yet", x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
        return to_json(figure)

    def rows(self, profile: Profile, beside: Profile | None) -> tuple[list[str], list[Row]]:
        """Headings and rows of its table and CSV file."""
        found = [
            [line.name, x, y, *(line.texts[index : index + 1])]
            for line in self.lines(profile, beside)
            for index, (x, y) in enumerate(zip(line.x, line.y, strict=True))
            if y is not None
        ]
        return ["line", self.across, self.unit, "what"], found


def _add(figure: "Figure", line: Line, unit: str, across: str) -> None:
    label = "%{text}<br>" if line.texts else ""
    figure.add_scatter(
        x=[_rounded(value) for value in line.x],
        y=[_rounded(value) for value in line.y],
        name=line.name,
        mode=line.mode,
        text=list(line.texts) or None,
        marker={"size": 7 if line.mode == "markers" else 5, "color": line.colour},
        line={"color": line.colour, "width": 1.5, "dash": line.dash},
        fill="tozeroy" if line.fill else None,
        connectgaps=False,
        hovertemplate=f"{label}{line.name}: %{{y}} {unit} at %{{x}} {across}<extra></extra>",
    )


def _add_limit(figure: "Figure", axis: str, value: float, words: str) -> None:
    other = "y" if axis == "x" else "x"
    along = {f"{axis}0": value, f"{axis}1": value, f"{other}0": 0, f"{other}1": 1}
    place = {f"{axis}ref": axis, f"{other}ref": "paper"}
    figure.add_shape(type="line", line={"width": 1, "dash": "dash", "color": LIMIT}, **along, **place)
    at_top, at_left = {"x": value, "y": 1}, {"x": 0.01, "y": value, "xanchor": "left"}
    where = {"yanchor": "bottom"} | (at_top if axis == "x" else at_left)
    figure.add_annotation(text=words, showarrow=False, font={"color": LIMIT}, **where, **place)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


# --- what they show ---------------------------------------------------------------------------------


def _latency(profile: Profile, beside: Profile | None) -> list[Line]:
    found = _curve(profile)
    lines = [
        Line(name, [_rate(one) for one in found], [getattr(one.measured, name) for one in found], colour)
        for name, colour in (("p50", GREY), ("p95", GREEN), ("p99", BLUE))
        if any(getattr(one.measured, name) is not None for one in found)
    ]
    other = _curve(beside) if beside else []
    if beside and other:
        xs, ys = [_rate(one) for one in other], [one.measured.p99 for one in other]
        lines.append(Line(f"p99 of profile {beside.pk}", xs, ys, ORANGE, dash="dot"))
    return lines


def _curve(profile: Profile) -> list[Point]:
    one = recommended_of(profile)
    points = points_of(profile)
    if one is None:
        rated = [point for point in points if point.load.rate is not None]
        one = rated[-1].configuration if rated else None
    return curve(points, one) if one else []


def _rate(point: Point) -> float:
    return point.load.rate or point.measured.throughput


def _goal_and_load(profile: Profile) -> list[tuple[str, float, str]]:
    goal = profile.goal
    return [
        ("y", goal["p99"], f"goal: p99 under {number(goal['p99'])} ms"),
        ("x", goal["rate"], f"stated load {number(goal['rate'])}/s"),
    ]


def _held(profile: Profile, beside: Profile | None) -> list[Line]:
    loads = {one: load for one, load in held(points_of(profile), goal_of(profile.goal)).items() if load}
    if not loads:
        return []
    front, chosen = best_at_each_size(loads), recommended_of(profile)
    cores, names = [one.cores for one in loads], [str(one) for one in loads]
    lines = [
        Line("best at its size", [size for size, _ in front], [load for _, load in front], BLUE),
        Line("tried", cores, list(loads.values()), GREY, mode="markers", texts=names),
    ]
    if chosen in loads:
        lines.append(Line("recommended", [chosen.cores], [loads[chosen]], ORANGE, mode="markers", texts=[str(chosen)]))
    return lines


def _over_time(column: int, name: str, colour: str, scale: float = 1.0, *, fill: bool = False) -> Reader:
    def lines(profile: Profile, beside: Profile | None) -> list[Line]:
        del beside
        samples = profile.samples
        values = [None if one[column] is None else one[column] / scale for one in samples]
        return [Line(name, [one[AT] for one in samples], values, colour, mode="lines", fill=fill)] if samples else []

    return lines


def _under_load(profile: Profile, beside: Profile | None) -> list[Line]:
    return [*_over_time(P50, "p50", GREY)(profile, beside), *_over_time(P99, "p99", BLUE)(profile, beside)]


def _memory_limit(profile: Profile) -> list[tuple[str, float, str]]:
    given = profile.limits.get("memory_gb")
    return [("y", given * 1024, f"limit {number(given)} GB")] if given else []


SECONDS = "s since the start"
TOP = 2.5  # times the goal
CHARTS = {
    chart.id: chart
    for chart in (
        Chart(
            "latency", "Latency against load", "ms", "requests/s", _latency, _goal_and_load,
            top=lambda profile: TOP * profile.goal["p99"],
        ),
        Chart(
            "held", "Load held within the goal", "requests/s", "cores", _held,
            lambda profile: [("y", profile.goal["rate"], "stated load")],
        ),
        Chart("cpu", "CPU of all replicas", "cores", SECONDS, _over_time(CORES, "CPU", GREEN), live=True),
        Chart(
            "memory", "Memory of the largest replica", "MB", SECONDS,
            _over_time(MEMORY, "memory", PURPLE, MEBIBYTE, fill=True), _memory_limit, live=True,
        ),
        Chart("answers", "Answers", "requests/s", SECONDS, _over_time(RATE, "answers", BLUE), live=True),
        Chart("times", "Latency while it was measured", "ms", SECONDS, _under_load, live=True),
        Chart("threads", "Threads", "threads", SECONDS, _over_time(THREADS, "threads", GREY), live=True),
    )
}  # fmt: skip


def all_figures(profile: Profile, beside: Profile | None) -> dict[str, FigureData]:
    return {chart.id: chart.draw(profile, beside) for chart in CHARTS.values()}
