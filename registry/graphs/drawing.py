"""Pure: a window of a graph as boxes and arrows with coordinates; the template only writes them down."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from registry.graphs.layout import BOX, MARGIN, ROW, Layout, lay_out, layers_of
from registry.graphs.units import Unit, Units
from registry.graphs.words import cut, name_of, shape_of
from registry.inspection.graph import Graph

MOST_DRAWN = 120  # boxes
HEIGHT = 42.0  # of a box
PADDING = 12.0  # beside its text
LETTERS = 17  # that fit into a box
SMALL_LETTERS = 20
HEAT = (0.05, 0.10, 0.13)  # shares of time from which a box is warmer


@dataclass(frozen=True)
class Box:
    """`x` and `y` are of its upper left corner, in CSS pixels, like everything here."""

    key: str
    x: float
    y: float
    title: str
    note: str
    whole: str  # both in full, for the tooltip
    kind: str  # "input", "node", "chain" or "output"
    above: list[str]  # keys of the drawn boxes that lead here
    below: list[str]
    heat: int | None = None  # 1 to 4
    is_current: bool = False
    is_found: bool = False
    is_refused: bool = False

    @property
    def text_x(self) -> float:
        return self.x + PADDING

    @property
    def title_y(self) -> float:
        """Of the baseline; a title without a note stands in the middle."""
        return self.y + (18 if self.note else 26)

    @property
    def note_y(self) -> float:
        return self.y + 34


@dataclass(frozen=True)
class Drawing:
    boxes: list[Box]
    edges: list[str]  # path data
    width: float
    height: float
    first: int  # of the boxes in order of layers, from 0
    total: int
    earlier: int | None  # `first` of the windows before and after
    later: int | None

    @property
    def last(self) -> int:
        return self.first + len(self.boxes)


def draw(
    graph: Graph,
    units: Units,
    *,
    current: str = "",
    first: int | None = None,
    found: Collection[int] = (),
    refused: Collection[int] = (),
    costs: Mapping[str, float] | None = None,
) -> Drawing:
    """The boxes from `first` on, or around `current`: at most MOST_DRAWN. `found` and `refused` are places of nodes;
    `costs` are shares of time by the names of nodes.
    """
    layers = layers_of(len(units.units), units.edges)
    order = sorted(range(len(layers)), key=lambda place: (layers[place], place))
    chosen = units.of_key(current)
    start = _start(order, chosen, first)
    shown = order[start : start + MOST_DRAWN]
    here = {place: index for index, place in enumerate(shown)}
    edges = {
        (here[one], here[two]): tensor for (one, two), tensor in units.edges.items() if one in here and two in here
    }
    # Boxes of one layer keep the file's order, and arrows lead downwards: the order of layers is one of computation.
    layout = lay_out([layers[place] for place in shown], edges)
    boxes = []
    for index in sorted(range(len(shown)), key=lambda one: (layout.layers[one], layout.xs[one])):
        unit = units.units[shown[index]]
        title, note = _texts(graph, unit, costs)
        boxes.append(
            Box(
                key=unit.key,
                x=round(layout.xs[index] - BOX / 2, 1),
                y=_top(layout.layers[index]),
                title=cut(title, LETTERS),
                note=cut(note, SMALL_LETTERS),
                whole=f"{title}, {note}" if note else title,
                kind=_kind(unit),
                above=[units.units[shown[one]].key for one, two in edges if two == index],
                below=[units.units[shown[two]].key for one, two in edges if one == index],
                heat=_heat(graph, unit, costs),
                is_current=shown[index] == chosen,
                is_found=any(node in found for node in unit.nodes),
                is_refused=any(node in refused for node in unit.nodes),
            )
        )
    return Drawing(
        boxes=boxes,
        edges=[_path(layout, edge) for edge in edges],
        width=round(layout.width, 1),
        height=layout.depth * ROW - (ROW - HEIGHT) + 2 * MARGIN if boxes else 0.0,
        first=start,
        total=len(order),
        earlier=max(0, start - MOST_DRAWN) if start else None,
        later=start + MOST_DRAWN if start + MOST_DRAWN < len(order) else None,
    )


def share_of(graph: Graph, unit: Unit, costs: Mapping[str, float] | None) -> float | None:
    """What the box takes of the time, from 0 to 1; None where nothing was measured of it."""
    known = [costs[name] for node in unit.nodes if costs and (name := graph.nodes[node].name) in costs]
    return sum(known) if known else None


def _start(order: list[int], chosen: int | None, first: int | None) -> int:
    last = max(0, len(order) - MOST_DRAWN)
    if first is not None:
        return min(max(0, first), max(0, len(order) - 1))
    return min(max(0, order.index(chosen) - MOST_DRAWN // 2), last) if chosen is not None else 0


def _texts(graph: Graph, unit: Unit, costs: Mapping[str, float] | None) -> tuple[str, str]:
    if not unit.nodes:
        tensor = graph.tensors[unit.tensor]
        return tensor.name, shape_of(tensor)
    share = share_of(graph, unit, costs)
    operators = [graph.nodes[node].op for node in unit.nodes]
    if len(operators) > 1:
        title = f"{operators[0]} … {operators[-1]}"
        note = f"{len(operators)} nodes"
    else:
        title = name_of(graph.nodes[unit.nodes[0]])
        outputs = graph.nodes[unit.nodes[0]].outputs
        note = shape_of(graph.tensors[outputs[0]]) if outputs and outputs[0] >= 0 else ""
    return title, f"{100 * share:.0f} % of the time" if share is not None else note


def _kind(unit: Unit) -> str:
    if unit.nodes:
        return "chain" if len(unit.nodes) > 1 else "node"
    return "input" if unit.key.startswith("i") else "output"


def _heat(graph: Graph, unit: Unit, costs: Mapping[str, float] | None) -> int | None:
    share = share_of(graph, unit, costs)
    return None if share is None else 1 + sum(share >= edge for edge in HEAT)


def _top(layer: int) -> float:
    return MARGIN + layer * ROW


def _path(layout: Layout, edge: tuple[int, int]) -> str:
    """A curve from the bottom of one box, through the bends beside those between, to the top of the other."""
    one, two = edge
    x, y = layout.xs[one], _top(layout.layers[one]) + HEIGHT
    parts = [f"M{x:g} {y:g}"]
    stops = [(bend, _top(layer), _top(layer) + HEIGHT) for bend, layer in layout.bends[edge]]
    for to, top, bottom in [*stops, (layout.xs[two], _top(layout.layers[two]), None)]:
        middle = (y + top) / 2
        parts.append(f"C{x:g} {middle:g} {to:g} {middle:g} {to:g} {top:g}")
        if bottom is not None:
            parts.append(f"V{bottom:g}")
        x, y = to, bottom or top
    return " ".join(parts)
