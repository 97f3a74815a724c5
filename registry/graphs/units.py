"""Pure: what a drawing of a graph shows as one box each: an input, a node, a chain of nodes, an output."""

from dataclasses import dataclass, field

from registry.inspection.graph import OMITTED, Graph

FOLD_FROM = 40  # nodes; smaller graphs are shown in full
SHORTEST_CHAIN = 3  # nodes


@dataclass(frozen=True)
class Unit:
    """One box. `key` is what its link says: '7' (the first of its nodes), 'i0' (an input) or 'o0' (an output)."""

    key: str
    nodes: tuple[int, ...] = ()  # places in Graph.nodes
    tensor: int = OMITTED  # of an input or output


@dataclass(frozen=True)
class Units:
    """`edges` lead from a place in `units` to a later one, and name the tensor that flows along."""

    units: list[Unit]
    edges: dict[tuple[int, int], int] = field(default_factory=dict)
    of_node: dict[int, int] = field(default_factory=dict)  # place in Graph.nodes to place in `units`

    def of_key(self, key: str) -> int | None:
        """The place of the box that shows this node, input or output."""
        if key.isdecimal() and len(key) < 10:
            return self.of_node.get(int(key))
        return next((place for place, unit in enumerate(self.units) if unit.key == key), None)


def units_of(graph: Graph, *, folded: bool, opened: int | None = None) -> Units:
    """Inputs, nodes and outputs in an order of computation; the chain with the node `opened` is not folded."""
    follows = node_edges(graph)
    chains = _chains(graph, follows) if folded else [[place] for place in range(len(graph.nodes))]
    units = [Unit(f"i{place}", tensor=tensor) for place, tensor in enumerate(graph.inputs)]
    of_node: dict[int, int] = {}
    for chain in chains:
        whole = len(chain) >= SHORTEST_CHAIN and opened not in chain
        for nodes in [tuple(chain)] if whole else [(place,) for place in chain]:
            of_node |= dict.fromkeys(nodes, len(units))
            units.append(Unit(str(nodes[0]), nodes))
    first_output = len(units)
    units += [Unit(f"o{place}", tensor=tensor) for place, tensor in enumerate(graph.outputs)]
    edges = {(of_node[one], of_node[two]): tensor for (one, two), tensor in follows.items()}
    found = Units(units, {pair: tensor for pair, tensor in edges.items() if pair[0] != pair[1]}, of_node)
    _join_ends(graph, found, first_output)
    return found


def node_edges(graph: Graph) -> dict[tuple[int, int], int]:
    """(node, later node that takes what it gives) to the tensor."""
    makers: dict[int, int] = {}
    edges: dict[tuple[int, int], int] = {}
    for place, node in enumerate(graph.nodes):
        for tensor in node.inputs:
            if tensor in makers:
                edges.setdefault((makers[tensor], place), tensor)
        makers |= dict.fromkeys((tensor for tensor in node.outputs if tensor != OMITTED), place)
    return edges


def _chains(graph: Graph, edges: dict[tuple[int, int], int]) -> list[list[int]]:
    """Nodes that follow each other with nothing else going in between or out, in order of their first ones."""
    after: dict[int, list[int]] = {}
    before: dict[int, int] = {}
    for one, two in edges:
        after.setdefault(one, []).append(two)
        before[two] = before.get(two, 0) + 1
    given, taken = set(graph.inputs), set(graph.outputs)
    chains: list[list[int]] = []
    seen: set[int] = set()
    for place in range(len(graph.nodes)):
        if place in seen:
            continue
        chain = [place]
        while len(following := after.get(chain[-1], [])) == 1:
            last, then = graph.nodes[chain[-1]], graph.nodes[following[0]]
            if before[following[0]] > 1 or taken.intersection(last.outputs) or given.intersection(then.inputs):
                break
            chain.append(following[0])
        seen.update(chain)
        chains.append(chain)
    return chains


def _join_ends(graph: Graph, found: Units, first_output: int) -> None:
    """Edges from inputs, and to outputs."""
    given = {tensor: place for place, tensor in enumerate(graph.inputs)}
    makers: dict[int, int] = dict(given)
    for place, node in enumerate(graph.nodes):
        for tensor in node.inputs:
            if tensor in given:
                found.edges.setdefault((given[tensor], found.of_node[place]), tensor)
        makers |= dict.fromkeys(node.outputs, found.of_node[place])
    for place, tensor in enumerate(graph.outputs):
        if tensor in makers:
            found.edges[makers[tensor], first_output + place] = tensor
