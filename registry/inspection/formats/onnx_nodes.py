"""The main graph of an ONNX file, node by node: what is wired to what, with shapes and initialisers."""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import msgspec
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from registry.inspection.formats import onnx_signature
from registry.inspection.graph import (
    MAX_ARGUMENTS,
    MAX_NODES,
    MAX_TENSORS,
    MAX_TEXT,
    OMITTED,
    Graph,
    Node,
    Shape,
    Tensor,
)

MAX_ATTRIBUTES = 30  # of a node
MAX_LIST = 16  # values of a list in an attribute, sizes of a shape
MAX_CHARACTERS = 2_500_000  # of the whole graph as JSON, about
MADE_UP = "unk__"
TYPE_CHARACTERS = 60  # of a tensor's type and shape, kept free for what inference adds


def graph_of(model: ModelProto) -> dict[str, Any]:
    """The stored form of `registry.inspection.graph.Graph`. A graph beyond its limits is cut after whole nodes."""
    graph = model.graph
    room = _Room()
    given = onnx_signature.inputs_of(model)
    inputs = [room.place(value.name) for value in given[:MAX_ARGUMENTS]]
    nodes = []
    for node in graph.node[:MAX_NODES]:
        read = _node(node, room)
        if room.is_full:
            break
        nodes.append(read)
    outputs = [room.place(value.name) for value in graph.output[:MAX_ARGUMENTS]]
    _describe(room, graph)
    found = Graph(nodes, room.tensors, inputs, outputs, total=len(graph.node))
    kept: dict[str, Any] = msgspec.to_builtins(found)
    return kept


def bytes_of(tensor: TensorProto) -> int:
    """Bytes of a tensor's numbers, wherever they lie; 0 for a type that nobody knows."""
    if tensor.data_type == TensorProto.STRING:
        return sum(map(len, tensor.string_data))
    try:
        return int(prod(tensor.dims) * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    except (KeyError, TypeError, ValueError):
        return 0


def describe_values(tensors: list[dict[str, Any]], places: dict[str, int], values: Iterable[ValueInfoProto]) -> None:
    """Write types and shapes into stored tensors, where those say nothing themselves."""
    for value in values:
        place = places.get(value.name)
        if place is None:
            continue
        stated, follows = tensors[place], msgspec.to_builtins(_value(value))
        shape = _filled(stated.get("shape"), _known(follows.get("shape")))
        tensors[place] = follows | stated | {"shape": shape}


def _filled(stated: Shape | None, follows: Shape | None) -> Shape | None:
    """The stated shape, with the sizes that it leaves open."""
    if stated is None or follows is None or len(stated) != len(follows):
        return follows if stated is None else stated
    return [other if size is None else size for size, other in zip(stated, follows, strict=True)]


def _known(shape: Shape | None) -> Shape | None:
    """Without the names that inference makes up for dimensions that have none."""
    return shape and [None if str(size).startswith(MADE_UP) else size for size in shape]


class _Room:
    """Tensors by name, as long as there is room for more."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.places: dict[str, int] = {}
        self.characters = 0

    @property
    def is_full(self) -> bool:
        return self.characters > MAX_CHARACTERS or len(self.tensors) > MAX_TENSORS - 2 * MAX_ARGUMENTS

    def place(self, name: str) -> int:
        """Where the tensor stands; a name that is empty stands for none."""
        if not name:
            return OMITTED
        if name not in self.places:
            self.places[name] = len(self.tensors)
            self.tensors.append(Tensor(name[:MAX_TEXT]))
            self.characters += len(name[:MAX_TEXT]) + TYPE_CHARACTERS
        return self.places[name]


def _node(node: NodeProto, room: _Room) -> Node:
    attributes = {each.name[:MAX_TEXT]: _text(each)[:MAX_TEXT] for each in node.attribute[:MAX_ATTRIBUTES]}
    ends = [room.place(name) for name in (*node.input[:MAX_ARGUMENTS], *node.output[:MAX_ARGUMENTS])]
    middle = len(node.input[:MAX_ARGUMENTS])
    room.characters += 80 + 8 * len(ends) + sum(len(key) + len(text) for key, text in attributes.items())
    return Node(
        op=node.op_type[:MAX_TEXT],
        name=node.name[:MAX_TEXT],
        domain="" if node.domain == "ai.onnx" else node.domain[:MAX_TEXT],
        inputs=ends[:middle],
        outputs=ends[middle:],
        attributes=attributes,
        subgraphs={each.name[:MAX_TEXT]: count for each in node.attribute if (count := _nodes_in(each))},
    )


def _nodes_in(attribute: AttributeProto) -> int:
    """How many nodes the graphs of an attribute have, those inside their nodes included."""
    waiting: list[GraphProto] = [attribute.g, *attribute.graphs]
    count = 0
    while waiting:
        graph = waiting.pop()
        count += len(graph.node)
        for node in graph.node:
            for each in node.attribute:
                waiting += [each.g] if each.type == AttributeProto.GRAPH else each.graphs
    return count


def _text(attribute: AttributeProto) -> str:
    """A value for people: short lists in full, tensors and graphs by their size."""
    if attribute.type in _TEXTS:
        return _TEXTS[attribute.type](attribute)
    known = attribute.type in AttributeProto.AttributeType.values()
    return (AttributeProto.AttributeType.Name(attribute.type) if known else "unknown").lower().replace("_", " ")


def _decoded(text: bytes) -> str:
    return text[: 4 * MAX_TEXT].decode(errors="replace")


def _numbers(values: Sequence[float]) -> str:
    shown = [f"{value:g}" if isinstance(value, float) else str(value) for value in values[:MAX_LIST]]
    return _listed(shown, len(values))


def _tensor_text(tensor: TensorProto) -> str:
    return f"tensor of {onnx_signature.datatype_of(tensor.data_type)} {list(tensor.dims[:MAX_LIST])}"


def _listed(shown: list[str], count: int) -> str:
    more = f", … ({count})" if count > len(shown) else ""
    return f"[{', '.join(shown)}{more}]"


_TEXTS: dict[int, Callable[[AttributeProto], str]] = {
    AttributeProto.INT: lambda each: str(each.i),
    AttributeProto.FLOAT: lambda each: f"{each.f:g}",
    AttributeProto.STRING: lambda each: _decoded(each.s),
    AttributeProto.INTS: lambda each: _numbers(each.ints),
    AttributeProto.FLOATS: lambda each: _numbers(each.floats),
    AttributeProto.STRINGS: lambda each: _listed([_decoded(one) for one in each.strings[:MAX_LIST]], len(each.strings)),
    AttributeProto.TENSOR: lambda each: _tensor_text(each.t),
    AttributeProto.GRAPH: lambda each: f"graph of {_nodes_in(each)} nodes",
}


def _describe(room: _Room, graph: GraphProto) -> None:
    """What the file states of the tensors: types and shapes, and the size of initialisers."""
    for value in (*graph.input, *graph.output, *graph.value_info):
        place = room.places.get(value.name)
        if place is not None:
            room.tensors[place] = _value(value)
    sparse = [each.values for each in graph.sparse_initializer]
    for tensor in (*graph.initializer, *sparse):
        place = room.places.get(tensor.name)
        if place is not None:
            room.tensors[place] = _initialiser(tensor)


def _initialiser(tensor: TensorProto) -> Tensor:
    shape = list(tensor.dims[:MAX_LIST])
    return Tensor(tensor.name[:MAX_TEXT], onnx_signature.datatype_of(tensor.data_type), shape, bytes_of(tensor))


def _value(value: ValueInfoProto) -> Tensor:
    name, kind = value.name[:MAX_TEXT], value.type.WhichOneof("value") or ""
    if kind != "tensor_type":
        return Tensor(name, kind.removesuffix("_type").upper())
    tensor = value.type.tensor_type
    shape = onnx_signature.dimension_names(value)[:MAX_LIST] if tensor.HasField("shape") else None
    return Tensor(name, onnx_signature.datatype_of(tensor.elem_type), shape)
