"""Pure: nodes by what people type, operators by how often they occur, and those that the runtime refuses."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.graphs.words import name_of
from registry.inspection.graph import Graph

MOST_FOUND = 50
# What ONNX Runtime says of operators that it does not know, and of those that it knows for other types only.
_REFUSED = (
    re.compile(r"(?P<domain>[\w.]*):(?P<op>\w+)\(-?\d+\) is not a registered function/op"),
    re.compile(r"In Node, \(\"(?P<name>[^\"]*)\", (?P<op>\w+), .*No Op registered for"),
    re.compile(r"of operator \((?P<op>\w+)\) in node \((?P<name>[^)]*)\) is invalid"),
    re.compile(r"Could not find an implementation for (?P<op>\w+)\(\d+\) node with name '(?P<name>[^']*)'"),
)


@dataclass(frozen=True)
class OperatorCount:
    name: str
    count: int
    is_refused: bool


def nodes_like(graph: Graph, typed: str) -> list[int]:
    """Places of the nodes whose operator, name or a tensor's name has the text in it; whole operators first."""
    text = typed.strip().lower()
    if not text:
        return []
    tensors = {place for place, tensor in enumerate(graph.tensors) if text in tensor.name.lower()}
    whole, partly = [], []
    for place, node in enumerate(graph.nodes):
        if text in {node.op.lower(), name_of(node).lower()}:
            whole.append(place)
        elif text in f"{name_of(node)}\n{node.name}".lower() or not tensors.isdisjoint((*node.inputs, *node.outputs)):
            partly.append(place)
    return whole + partly


def nodes_of(graph: Graph, operator: str) -> list[int]:
    """Places of the nodes of exactly this operator."""
    return [place for place, node in enumerate(graph.nodes) if name_of(node) == operator]


def operators_of(graph: Graph, refused: set[int]) -> list[OperatorCount]:
    """The commonest first."""
    counts = Counter(name_of(node) for node in graph.nodes)
    bad = {name_of(graph.nodes[place]) for place in refused}
    return [
        OperatorCount(name, count, name in bad)
        for name, count in sorted(counts.items(), key=lambda one: (-one[1], one))
    ]


def refused_nodes(graph: Graph, runtime: Mapping[str, Any]) -> set[int]:
    """Places of the nodes because of which the runtime did not load the graph, as far as its sentence names them."""
    if runtime.get("loads") is not False:
        return set()
    for pattern in _REFUSED:
        if match := pattern.search(str(runtime.get("note", ""))):
            parts = match.groupdict()
            named = parts.get("name")
            domain = parts.get("domain")
            return {
                place
                for place, node in enumerate(graph.nodes)
                if node.op == parts["op"]
                and (not named or node.name == named)
                and (not domain or node.domain == domain)
            }
    return set()
