"""Pure: the main graph of an ONNX file as numbers and texts, which pages draw without having the file.

Nodes name tensors by their place in `tensors`, so that texts can be cut without two tensors becoming one.
"""

from typing import Any

import msgspec

MAX_NODES = 20_000
MAX_TENSORS = 60_000
MAX_TEXT = 200  # characters of a name or an attribute
MAX_ARGUMENTS = 1_000  # inputs or outputs of a node
OMITTED = -1  # an optional input that a node goes without

STATED = "stated"  # shapes are those that the file states
INFERRED = "inferred"  # and those that follow from them
UNFINISHED = "unfinished"  # following them did not come to an end

Name = str  # at most MAX_TEXT characters
Shape = list[int | str | None]  # sizes, names of free dimensions, None for neither


class Tensor(msgspec.Struct, omit_defaults=True):
    """What flows along an edge, or an initialiser, which has `size` (bytes). No `shape`: nothing is known of it."""

    name: Name
    datatype: str = ""
    shape: Shape | None = None
    size: int | None = None


class Node(msgspec.Struct, omit_defaults=True):
    """An operator at work; `inputs` and `outputs` are places in `Graph.tensors`. `subgraphs`: nodes by attribute."""

    op: Name
    name: Name = ""
    domain: str = ""
    inputs: list[int] = []
    outputs: list[int] = []
    attributes: dict[str, str] = {}
    subgraphs: dict[str, int] = {}


class Graph(msgspec.Struct, omit_defaults=True):
    """`nodes` are in the file's order, which is one of computation, and the first of `total`."""

    nodes: list[Node]
    tensors: list[Tensor]
    inputs: list[int] = []
    outputs: list[int] = []
    total: int = 0
    shapes: str = STATED


def read(found: Any) -> Graph:
    """The graph that an inspection found; raises `msgspec.ValidationError` for what cannot be one."""
    graph = msgspec.convert(found, Graph)
    if len(graph.nodes) > MAX_NODES or len(graph.tensors) > MAX_TENSORS:
        raise msgspec.ValidationError("more nodes or tensors than a graph may have")
    places = range(len(graph.tensors))
    ends = [place for node in graph.nodes for place in (*node.inputs, *node.outputs) if place != OMITTED]
    if any(place not in places for place in (*ends, *graph.inputs, *graph.outputs)):
        raise msgspec.ValidationError("a node names a tensor that is not there")
    return graph
