"""Pure: everything about one box of a graph: what comes in, what goes out, attributes, nodes of a chain."""

from collections import defaultdict
from dataclasses import dataclass, field

from registry.graphs.costs import Costs
from registry.graphs.words import name_of, shape_of
from registry.inspection.graph import OMITTED, Graph

MOST_LINKS = 20  # to users of one tensor
MOST_SHOWN = 100  # inputs or outputs


@dataclass(frozen=True)
class Link:
    key: str
    text: str


@dataclass(frozen=True)
class Argument:
    """A tensor of a node; `size` (bytes) says that it is an initialiser. `more` nodes take it beside those linked."""

    name: str
    shape: str
    links: list[Link] = field(default_factory=list)
    size: int | None = None
    more: int = 0


@dataclass(frozen=True)
class Panel:
    """`name` is what the file calls it; `left_out` counts inputs and outputs beyond those shown."""

    key: str
    title: str
    name: str
    inputs: list[Argument]
    outputs: list[Argument]
    attributes: list[tuple[str, str]] = field(default_factory=list)
    subgraphs: list[tuple[str, int]] = field(default_factory=list)
    domain: str = ""
    kind: str = "node"
    left_out: int = 0
    share: float | None = None
    provider: str = ""  # that ran it
    is_refused: bool = False

    @property
    def percent(self) -> float | None:
        return None if self.share is None else 100 * self.share


def panel_of(graph: Graph, key: str, *, refused: set[int] | None = None, measured: Costs | None = None) -> Panel | None:
    """What the box of this key holds; None where no box has it."""
    kind, digits = ("node", key) if key[:1] not in {"i", "o"} else (key[0], key[1:])
    if not digits.isdecimal() or len(digits) > 9:
        return None
    place = int(digits)
    if kind == "node":
        return _node(graph, place, refused or set(), measured) if place < len(graph.nodes) else None
    ends = graph.inputs if kind == "i" else graph.outputs
    return _end(graph, key, ends[place]) if place < len(ends) else None


def _node(graph: Graph, place: int, refused: set[int], measured: Costs | None) -> Panel:
    node, ways = graph.nodes[place], _Ways(graph)
    inputs = [_argument(graph, tensor, ways.from_where(tensor)) for tensor in node.inputs[:MOST_SHOWN]]
    outputs = [_argument(graph, tensor, ways.to_where(tensor)) for tensor in node.outputs[:MOST_SHOWN]]
    return Panel(
        key=str(place),
        title=name_of(node),
        name=node.name,
        inputs=inputs,
        outputs=outputs,
        attributes=sorted(node.attributes.items()),
        subgraphs=sorted(node.subgraphs.items()),
        domain=node.domain or "ai.onnx",
        left_out=max(0, len(node.inputs) - MOST_SHOWN) + max(0, len(node.outputs) - MOST_SHOWN),
        share=measured.shares.get(node.name) if measured else None,
        provider=measured.providers.get(node.name, "") if measured else "",
        is_refused=place in refused,
    )


def _end(graph: Graph, key: str, tensor: int) -> Panel:
    """An input, which has users, or an output, which has a maker."""
    ways, name = _Ways(graph), graph.tensors[tensor].name
    shown = _argument(graph, tensor, ways.to_where(tensor) if key.startswith("i") else ways.from_where(tensor))
    if key.startswith("i"):
        return Panel(key, "Input", name, [], [shown], kind="input")
    return Panel(key, "Output", name, [shown], [], kind="output")


class _Ways:
    """Who makes a tensor, and who takes it."""

    def __init__(self, graph: Graph) -> None:
        self._maker: dict[int, Link] = {}
        self._takers: defaultdict[int, list[Link]] = defaultdict(list)
        for place, tensor in enumerate(graph.inputs):
            self._maker[tensor] = Link(f"i{place}", "input")
        for place, node in enumerate(graph.nodes):
            link = Link(str(place), name_of(node))
            self._maker |= dict.fromkeys(node.outputs, link)
            for tensor in dict.fromkeys(node.inputs):
                self._takers[tensor].append(link)
        for place, tensor in enumerate(graph.outputs):
            self._takers[tensor].append(Link(f"o{place}", "output"))

    def from_where(self, tensor: int) -> list[Link]:
        return [self._maker[tensor]] if tensor in self._maker else []

    def to_where(self, tensor: int) -> list[Link]:
        return self._takers[tensor]


def _argument(graph: Graph, tensor: int, links: list[Link]) -> Argument:
    if tensor == OMITTED:
        return Argument("", "left out")
    known = graph.tensors[tensor]
    more = max(0, len(links) - MOST_LINKS)
    return Argument(known.name, shape_of(known), links[:MOST_LINKS], known.size, more)
