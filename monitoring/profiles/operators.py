"""What each operator of the model takes: measured at the end of a profile, shown as treemap, table and timeline."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import squarify

from deployments.builds.bundles import Content
from deployments.models.config import ConfigKind
from monitoring.models import Profile
from registry.inspection.operator_times import Batch, Operator, OperatorTimes, measure_operators
from studio.core.errors import SlipwayError

log = logging.getLogger(__name__)
WIDTH, HEIGHT = 100.0, 30.0  # of the treemap: about as it is drawn on a screen, so that tiles are nearly squares
MOST_TILES = 60
LEAST_SHARE = 0.001  # of the time; a smaller tile cannot be seen
LABEL_WIDTH, LABEL_HEIGHT = 4.0, 3.0  # what a tile must have for a name; what is too long is cut off at its edge
KINDS, OTHERS = 4, 6  # colours, and that which all other types of operators share; the fifth is for limits
REST = "all others"
HEADINGS = ["operator", "type", "runs on", "µs of a run", "% of a run", "calls in a run"]


@dataclass(frozen=True)
class Tile:
    """A rectangle of the treemap, in per cent of its width and height; its area is the operator's share of the time.
    `label` is empty where there is no room for one."""

    x: float
    y: float
    width: float
    height: float
    label: str
    share_label: str
    title: str
    series: int


@dataclass(frozen=True)
class Shown:
    """Of one number of rows. `kinds` names the colours: (series, type, per cent)."""

    batch: Batch
    tiles: list[Tile]
    kinds: list[tuple[int, str, float]]
    rows: list[list[Any]]


def measure(content: Content, check: Callable[[], None]) -> dict[str, Any] | None:
    """None where no ONNX model answers without code; a `note` instead of times where they cannot be measured."""
    graphs = [one for one in content.versions if one.framework == "onnx"]
    if content.config.kind != ConfigKind.NO_CODE or len(graphs) != 1:
        return None
    try:
        return measure_operators(graphs[0], check)
    except (SlipwayError, OSError) as error:  # what was measured before must not be lost for it
        log.warning("operators cannot be timed: %s", error)
        note = (
            error.message if isinstance(error, SlipwayError) else f"The operators could not be timed: {error.strerror}."
        )
        return {"batches": [], "timeline": [], "note": note}


def times_of(profile: Profile) -> OperatorTimes | None:
    """What was measured; None where nothing was."""
    found = profile.operators
    if not found or not found["batches"]:
        return None
    return msgspec.convert(found, OperatorTimes)


def shown(times: OperatorTimes, rows: int) -> Shown:
    """The treemap and table for so many `rows`, or for the first that were measured."""
    batch = next((one for one in times.batches if one.rows == rows), times.batches[0])
    kinds = _kinds(batch)
    return Shown(batch, _tiles(batch, kinds), _legend(batch, kinds), table(batch))


def table(batch: Batch) -> list[list[Any]]:
    """A line for each operator, the most expensive first."""
    lines = [
        [one.name, one.op, one.provider, _rounded(one.microseconds), _percent(batch, one.microseconds), one.calls]
        for one in batch.operators
    ]
    return [*lines, [REST, "", "", _rounded(batch.rest), _percent(batch, batch.rest), ""]] if batch.rest else lines


def _kinds(batch: Batch) -> dict[str, int]:
    """Colours of the types of operators that take most of the time."""
    spent: dict[str, float] = {}
    for one in batch.operators:
        spent[one.op] = spent.get(one.op, 0.0) + one.microseconds
    ranked = sorted(spent, key=lambda op: -spent[op])
    return {op: index + 1 if index < KINDS else OTHERS for index, op in enumerate(ranked)}


def _legend(batch: Batch, kinds: dict[str, int]) -> list[tuple[int, str, float]]:
    first: dict[int, str] = {}
    spent: dict[int, float] = {}
    for one in batch.operators:
        series = kinds[one.op]
        first[series] = one.op if first.get(series, one.op) == one.op else "others"
        spent[series] = spent.get(series, 0.0) + one.microseconds
    return [(series, first[series], _percent(batch, spent[series])) for series in sorted(first)]


def _tiles(batch: Batch, kinds: dict[str, int]) -> list[Tile]:
    """Squarified (Bruls, Huizing, van Wijk: Squarified Treemaps, 2000)."""
    total = batch.microseconds
    seen = [one for one in batch.operators[:MOST_TILES] if one.microseconds >= LEAST_SHARE * total]
    if not seen:
        return []
    left = total - sum(one.microseconds for one in seen)
    sizes = [one.microseconds for one in seen]
    drawn: Sequence[Operator | None] = seen
    if left >= LEAST_SHARE * total:
        sizes, drawn = [*sizes, left], [*seen, None]
        order = sorted(range(len(sizes)), key=lambda index: -sizes[index])  # as the layout wants them
        sizes, drawn = [sizes[index] for index in order], [drawn[index] for index in order]
    places = squarify.squarify(squarify.normalize_sizes(sizes, WIDTH, HEIGHT), 0, 0, WIDTH, HEIGHT)
    return [_tile(batch, one, size, place, kinds) for one, size, place in zip(drawn, sizes, places, strict=True)]


def _tile(batch: Batch, one: Operator | None, size: float, place: dict[str, float], kinds: dict[str, int]) -> Tile:
    name, share = (one.name if one else REST), _percent(batch, size)
    what = f"{name} ({one.op}, {one.provider})" if one else REST
    fits = place["dx"] >= LABEL_WIDTH and place["dy"] >= LABEL_HEIGHT
    x, y, width, height = (
        round(100 * place[side] / whole, 3)
        for side, whole in (("x", WIDTH), ("y", HEIGHT), ("dx", WIDTH), ("dy", HEIGHT))
    )
    return Tile(
        x,
        y,
        width,
        height,
        label=name.rsplit("/", 1)[-1] if fits else "",  # exporters put paths before names
        share_label=f"{share:g} %" if fits and place["dy"] >= 2 * LABEL_HEIGHT else "",
        title=f"{what}: {size:,.1f} µs, {share:g} % of a run",
        series=kinds[one.op] if one else OTHERS,
    )


def _percent(batch: Batch, part: float) -> float:
    return round(100 * part / batch.microseconds, 1) if batch.microseconds else 0.0


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
