"""Pure: a layered drawing of boxes and arrows, after Sugiyama: layers by the longest path, order by barycentres.

Boxes are places 0 … n-1, and arrows lead from a smaller place to a larger one, so that there is no cycle.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SWEEPS = 4
LONGEST_BEND = 12  # layers; a longer arrow goes straight, or long ones would fill the drawing with bends
BOX, BEND = 150.0, 14.0  # widths
GAP = 20.0  # between neighbours
MARGIN = 20.0
ROW = 84.0  # from the top of one layer to that of the next

Edge = tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """Centres of the boxes by place, their layers, and for each arrow the points that it goes through between."""

    xs: list[float]
    layers: list[int]
    bends: dict[Edge, list[tuple[float, int]]]  # (x, layer)
    width: float
    depth: int  # layers


def layers_of(count: int, edges: Iterable[Edge]) -> list[int]:
    """Each box one layer below the lowest that leads to it; one that nothing leads to right above its first user."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for one, two in edges:
        before[two].append(one)
        after[one].append(two)
    layers = [0] * count
    for place in range(count):
        layers[place] = max((layers[other] + 1 for other in before[place]), default=0)
    for place in range(count):
        if not before[place] and after[place]:
            layers[place] = min(layers[other] for other in after[place]) - 1
    return layers


def lay_out(layers: Sequence[int], edges: Iterable[Edge]) -> Layout:
    """Place boxes of given layers (any numbers: they are moved together)."""
    packed = {layer: row for row, layer in enumerate(sorted(set(layers)))}
    rows_of = [packed[layer] for layer in layers]
    links, paths, points = _with_bends(rows_of, sorted(edges))
    rows: list[list[int]] = [[] for _ in packed]
    for point, row in enumerate(points):
        rows[row].append(point)
    above, below = _neighbours(len(points), links)
    _order(rows, above, below)
    widths = [BOX if point < len(layers) else BEND for point in range(len(points))]
    xs = _positions(rows, above, below, widths)
    left = min((x - widths[point] / 2 for point, x in enumerate(xs)), default=0.0)
    xs = [round(x - left + MARGIN, 1) for x in xs]
    width = max((x + widths[point] / 2 for point, x in enumerate(xs)), default=0.0) + MARGIN
    bends = {edge: [(xs[point], points[point]) for point in path] for edge, path in paths.items()}
    return Layout(xs[: len(layers)], rows_of, bends, width, len(rows))


def _with_bends(rows: Sequence[int], edges: Sequence[Edge]) -> tuple[list[Edge], dict[Edge, list[int]], list[int]]:
    """Links between neighbouring rows, the bends of each arrow, and the row of every point. Arrows from one box
    share their bends.
    """
    points, links, paths = list(rows), [], {}
    shared: dict[tuple[int, int], int] = {}
    for one, two in edges:
        path, last = [], one
        if rows[two] - rows[one] <= LONGEST_BEND:
            for row in range(rows[one] + 1, rows[two]):
                if (one, row) not in shared:
                    shared[one, row] = len(points)
                    points.append(row)
                    links.append((last, shared[one, row]))
                last = shared[one, row]
                path.append(last)
        links.append((last, two))
        paths[one, two] = path
    return links, paths, points


def _neighbours(count: int, links: Iterable[Edge]) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for one, two in links:
        above[two].append(one)
        below[one].append(two)
    return above, below


def _order(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Sort each row by the mean place of neighbours, downwards and upwards in turn."""
    place = [0.0] * len(above)
    for row in rows:
        _number(row, place)
    for sweep in range(SWEEPS):
        neighbours, order = (below, reversed(rows)) if sweep % 2 else (above, iter(rows))
        for row in order:
            row.sort(key=lambda point: _mean(neighbours[point], place, place[point]))
            _number(row, place)


def _number(row: list[int], place: list[float]) -> None:
    for index, point in enumerate(row):
        place[point] = float(index)


def _positions(
    rows: list[list[int]], above: list[list[int]], below: list[list[int]], widths: Sequence[float]
) -> list[float]:
    """Centres: under the middle of neighbours where there is room."""
    xs = [0.0] * len(widths)
    for row in rows:
        _spread(row, [0.0] * len(row), widths, xs)
    for sweep in range(SWEEPS):
        neighbours, order = (below, reversed(rows)) if sweep % 2 else (above, iter(rows))
        for row in order:
            _spread(row, [_mean(neighbours[point], xs, xs[point]) for point in row], widths, xs)
    return xs


def _spread(row: list[int], wanted: list[float], widths: Sequence[float], xs: list[float]) -> None:
    """As near to where they want to be as their order and the gaps allow: blocks that touch share the way."""
    offsets, total = [], 0.0
    for index, point in enumerate(row):
        if index:
            total += (widths[row[index - 1]] + widths[point]) / 2 + GAP
        offsets.append(total)
    blocks: list[tuple[float, int]] = []  # mean of wanted minus offset, and how many
    for want, offset in zip(wanted, offsets, strict=True):
        mean, count = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        blocks.append((mean, count))
    starts = [mean for mean, count in blocks for _ in range(count)]
    for point, start, offset in zip(row, starts, offsets, strict=True):
        xs[point] = start + offset


def _mean(points: Sequence[int], known: Sequence[float], otherwise: float) -> float:
    return sum(known[point] for point in points) / len(points) if points else otherwise
