"""The operators of an ONNX file, read from its bytes: environments of services do not have the `onnx` package.

Only what `batch_dependence` needs is read; weights in the mapped file are skipped. Field numbers: onnx.proto, whose
messages never change them; encoding: Protocol Buffers, "Encoding".
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

VARINT, I64, LENGTH, I32 = 0, 1, 2, 5
MODEL_GRAPH, MODEL_FUNCTIONS, FUNCTION_NODES, FUNCTION_INPUTS = 7, 25, 7, 4
GRAPH_NODES, GRAPH_INITIALIZERS, GRAPH_INPUTS, VALUE_NAME = 1, 5, 11, 1
SHAPE_OF_VALUE = (2, 1, 2)  # type, tensor_type, shape
NODE_INPUTS, NODE_OUTPUTS, NODE_TYPE, NODE_ATTRIBUTES = 1, 2, 4, 5
ATTRIBUTE_NAME, ATTRIBUTE_INT, ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_INTS, ATTRIBUTE_GRAPHS = 1, 3, 5, 6, 8, 11
REPEATED_VALUES = (7, ATTRIBUTE_INTS, 9, 10)  # a forest has millions of them
TENSOR_TYPE, TENSOR_INT32S, TENSOR_INT64S, TENSOR_NAME, TENSOR_RAW = 2, 5, 7, 8, 9
INTEGER_TYPES: dict[int, Any] = {6: np.dtype("<i4"), 7: np.dtype("<i8")}  # INT32, INT64
MAX_VARINT_BITS = 70  # ten bytes with seven each
MAX_NUMBERS = 64  # of a tensor that may be a list of axes
KEPT = frozenset({b"axis", b"axes", b"value", b"value_int", b"value_ints", b"training_mode", b"noop_with_empty_axes"})
Numbers = tuple[int, ...]
Value = int | memoryview


@dataclass
class Node:
    """One call of an operator. `numbers`: its integer attributes, those of `KEPT` only."""

    kind: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    numbers: dict[str, Numbers] = field(default_factory=dict)
    graphs: list["Graph"] = field(default_factory=list)


@dataclass
class Graph:
    """A graph, or the body of a function.

    `shaped`: the inputs whose shape is declared, even as that of a scalar. `constants`: the initializers, with their
    numbers where those are few integers, else None.
    """

    inputs: list[str] = field(default_factory=list)
    shaped: set[str] = field(default_factory=set)
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Numbers | None] = field(default_factory=dict)


def graphs_of(path: Path) -> list[Graph]:
    """The graph of an ONNX file, first, and its functions; ValueError where the file is not one."""
    with path.open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))  # lives as long as its parts
    found: list[Graph] = []
    try:
        for number, part in _parts(mapped):
            if number == MODEL_GRAPH:
                found.insert(0, _graph(part))
            elif number == MODEL_FUNCTIONS:
                found.append(_function(part))
    except (IndexError, RecursionError) as error:
        raise ValueError(f"{path.name} is not an ONNX file") from error
    if not found:  # ONNX Runtime's own format, for one
        raise ValueError(f"{path.name} has no graph")
    return found


def _fields(view: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of every field of a message."""
    at, end = 0, len(view)
    while at < end:
        key, at = _varint(view, at)
        kind = key & 7
        if kind == VARINT:
            value, at = _varint(view, at)
            yield key >> 3, value
            continue
        size = 8 if kind == I64 else 4
        if kind == LENGTH:
            size, at = _varint(view, at)
        elif kind not in (I64, I32):
            raise ValueError(f"a field of kind {kind}")
        if at + size > end:
            raise IndexError
        yield key >> 3, view[at : at + size]
        at += size


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """A number, and where the next one begins."""
    found = shift = 0
    while True:
        byte = view[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found, at
        shift += 7
        if shift >= MAX_VARINT_BITS:
            raise IndexError


def _signed(value: Value) -> int:
    number = value if isinstance(value, int) else 0
    return number - (1 << 64) if number >> 63 else number


def _parts(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    return ((number, value) for number, value in _fields(view) if isinstance(value, memoryview))


def _graph(view: memoryview) -> Graph:
    graph = Graph()
    for number, part in _parts(view):
        if number == GRAPH_NODES:
            graph.nodes.append(_node(part))
        elif number == GRAPH_INPUTS:
            names = [_text(name) for place, name in _parts(part) if place == VALUE_NAME]
            graph.inputs += names
            graph.shaped.update(names if _holds(part, SHAPE_OF_VALUE) else ())
        elif number == GRAPH_INITIALIZERS:
            name, numbers = _tensor(part)
            graph.constants[name] = numbers
    return graph


def _function(view: memoryview) -> Graph:
    parts = list(_parts(view))
    return Graph(
        inputs=[_text(part) for number, part in parts if number == FUNCTION_INPUTS],
        nodes=[_node(part) for number, part in parts if number == FUNCTION_NODES],
    )


def _holds(view: memoryview, path: Numbers) -> bool:
    """Whether a message has nested fields of these numbers."""
    return not path or any(_holds(part, path[1:]) for number, part in _parts(view) if number == path[0])


def _node(view: memoryview) -> Node:
    node = Node()
    for number, part in _parts(view):
        if number == NODE_INPUTS:
            node.inputs.append(_text(part))
        elif number == NODE_OUTPUTS:
            node.outputs.append(_text(part))
        elif number == NODE_TYPE:
            node.kind = _text(part)
        elif number == NODE_ATTRIBUTES:
            _read_attribute(node, part)
    return node


def _read_attribute(node: Node, view: memoryview) -> None:
    numbers: list[int] = []
    name, kept = b"", True
    for number, value in _fields(view):
        if number == ATTRIBUTE_NAME and isinstance(value, memoryview):
            name = bytes(value)
            kept = name in KEPT
        elif number in REPEATED_VALUES and not kept:
            return
        elif number in (ATTRIBUTE_INT, ATTRIBUTE_INTS):
            numbers += _integers(value)
        elif number in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS) and isinstance(value, memoryview):
            node.graphs.append(_graph(value))
        elif number == ATTRIBUTE_TENSOR and kept and isinstance(value, memoryview):
            numbers += _tensor(value)[1] or ()
    if kept and numbers:
        node.numbers[name.decode()] = tuple(numbers)


def _tensor(view: memoryview) -> tuple[str, Numbers | None]:
    """The name of a tensor, and its numbers where they are few integers."""
    numbers: list[int] = []
    name, kind, raw = "", 0, b""
    for number, value in _fields(view):
        if number == TENSOR_NAME and isinstance(value, memoryview):
            name = _text(value)
        elif number == TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number in (TENSOR_INT32S, TENSOR_INT64S) and len(numbers) <= MAX_NUMBERS:
            numbers += _integers(value)
        elif number == TENSOR_RAW and isinstance(value, memoryview) and len(value) <= 8 * MAX_NUMBERS:
            raw = bytes(value)
    if kind not in INTEGER_TYPES or len(numbers) > MAX_NUMBERS:
        return name, None
    return name, tuple(numbers) or tuple(np.frombuffer(raw, INTEGER_TYPES[kind]).tolist()) or None


def _integers(value: Value) -> list[int]:
    """One number, or the packed numbers of a field."""
    if isinstance(value, int):
        return [_signed(value)]
    found: list[int] = []
    at = 0
    while at < len(value) and len(found) <= MAX_NUMBERS:
        number, at = _varint(value, at)
        found.append(_signed(number))
    return found


def _text(part: memoryview) -> str:
    return str(part, "utf-8", "replace")
