"""Windows as the cells that rollouts are judged by (deployments.rollouts.cells).

A window counts once and whole, in the cell of its middle: charts share a window out over their steps, which would make
requests of a window look like more windows than there were. Rolled-up windows are too long, and are left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings

from deployments.rollouts.cells import CELL_SECONDS, Arm, Cell, Histogram, cell_at, total
from deployments.rollouts.readings import Question
from monitoring.models import FrontWindow, MetricWindow, Resolution

LONGEST_WINDOW = 60.0  # seconds, of a raw window that says enough about one cell; longer ones where they are asked for


class _Counted(NamedTuple):
    """What fronts counted, which is what callers got, and what replicas did; and how copies of requests ended."""

    by_fronts: list[Arm]
    by_replicas: list[Arm]
    copies: Counter[str]


def read_cells(question: Question) -> list[Cell]:
    """Of each cell with windows, in order. Answers are counted where callers got them, by fronts, where their windows
    are kept, else by replicas. The time in the model is known to replicas alone. A candidate that gets copies alone is
    judged by what replicas answered, of both revisions, and by the copies that nothing answered."""
    counted: dict[int, dict[int, _Counted]] = defaultdict(lambda: defaultdict(lambda: _Counted([], [], Counter())))
    for kind in (FrontWindow, MetricWindow):
        for window in _windows(kind, question):
            number = cell_at(window["start"].timestamp() + window["seconds"] / 2)
            if question.first <= number <= question.last:
                of_revision = counted[number][window["revision"]]
                arms = of_revision.by_fronts if kind is FrontWindow else of_revision.by_replicas
                arms.append(_arm(window))
                of_revision.copies.update(window["counters"].get("copies", {}))
    return [_cell(number, counted[number], question) for number in sorted(counted)]


def _windows(kind: type[FrontWindow | MetricWindow], question: Question) -> Iterable[Mapping[str, Any]]:
    longest = max(LONGEST_WINDOW, 2 * settings.SLIPWAY["TELEMETRY_SECONDS"])
    first = question.first * CELL_SECONDS - longest
    last = (question.last + 1) * CELL_SECONDS
    rows = kind.objects.filter(
        service=question.service,
        revision__in=(question.candidate, question.control),
        resolution=Resolution.RAW,
        start__range=(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)),
        seconds__lte=longest,
    )
    return rows.values("revision", "start", "seconds", "counters", "histograms")


def _cell(number: int, counted: Mapping[int, _Counted], question: Question) -> Cell:
    new = counted.get(question.candidate, _Counted([], [], Counter()))
    is_shadow = bool(new.copies) and not total(new.by_fronts).requests
    has_front = any(one.by_fronts for one in counted.values()) and not is_shadow
    arms = {revision: _of_revision(one, has_front=has_front) for revision, one in counted.items()}
    candidate, control = arms.get(question.candidate, Arm()), arms.get(question.control, Arm())
    if is_shadow:
        candidate += Arm(requests=new.copies["failed"], failed=new.copies["failed"])
    compared, disagreed = new.copies["agreed"] + new.copies["disagreed"], new.copies["disagreed"]
    return Cell(number, candidate, control, compared, disagreed)


def _of_revision(counted: _Counted, *, has_front: bool) -> Arm:
    replicas = total(counted.by_replicas)
    if not has_front:
        return replicas
    front = total(counted.by_fronts)
    return Arm(
        requests=front.requests,
        failed=front.failed,
        refused=front.refused,
        times=front.times | {"infer": replicas.times.get("infer", {})},
        reached=replicas.reached,
        events=replicas.events,
    )


def _arm(window: Mapping[str, Any]) -> Arm:
    codes: Mapping[str, int] = window["counters"].get("codes", {})
    by_class = {kind: sum(n for code, n in codes.items() if code.startswith(kind)) for kind in "45"}
    histograms = window["histograms"]
    return Arm(
        requests=sum(codes.values()),
        failed=by_class["5"],
        refused=by_class["4"],
        times={"infer": _histogram(histograms.get("infer")), "latency": _histogram(histograms.get("latency"))},
        reached=sum(codes.values()),
        events=window["counters"].get("events", {}),
    )


def _histogram(stored: Mapping[str, int] | None) -> Histogram:
    return {int(bucket): count for bucket, count in (stored or {}).items()}
