"""What goes into an ONNX graph and what comes out, in the words of the Open Inference Protocol."""

from typing import Any

from onnx import ModelProto, TensorProto, TypeProto, ValueInfoProto

from registry.inspection.signature import DATATYPES, DYNAMIC, ONNX_DATATYPES, Signature, TensorSpec

MAX_NAME = 100  # characters kept of a dimension's name: some tools write formulas there
DEFAULTS_SINCE = 4  # IR version; before, every weight had to be listed as an input


def signature_of(model: ModelProto) -> Signature:
    """As the graph declares it. Inputs that have a default, which is an initializer of their name, are optional."""
    weights = _weights(model)
    inputs = [_spec(value, optional=value.name in weights) for value in inputs_of(model)]
    return Signature(inputs, [_output(value) for value in model.graph.output])


def inputs_of(model: ModelProto) -> list[ValueInfoProto]:
    """What a request may send: not the weights of old files, which no runtime lets anybody replace."""
    weights = set() if model.ir_version >= DEFAULTS_SINCE else _weights(model)
    return [value for value in model.graph.input if value.name not in weights]


def dimension_names(value: ValueInfoProto) -> list[Any]:
    """Sizes, names of free dimensions, and None where there is neither."""
    return [
        size.dim_value if size.HasField("dim_value") else (size.dim_param[:MAX_NAME] or None)
        for size in value.type.tensor_type.shape.dim
    ]


def warnings(model: ModelProto) -> list[str]:
    """Inputs and outputs that no request can carry."""
    signature = signature_of(model)
    kinds = {value.name: value.type.WhichOneof("value") for value in (*model.graph.input, *model.graph.output)}
    found = []
    for tensor in signature.inputs:
        if not tensor.travels and not tensor.optional:
            found.append(f"The input {tensor.name} {_nature(tensor, kinds)}; only an entry script can feed it.")
    for tensor in signature.outputs:
        if not tensor.travels:
            found.append(f"The output {tensor.name} {_nature(tensor, kinds)}{_remedy(tensor, kinds)}")
    return found


def _nature(tensor: TensorSpec, kinds: dict[str, str]) -> str:
    if kinds[tensor.name] == "tensor_type":
        return f"is a tensor of {tensor.datatype}, a type that requests and answers cannot carry"
    return f"is a {tensor.datatype.lower().replace('_', ' ')}, not a tensor"


def _remedy(tensor: TensorSpec, kinds: dict[str, str]) -> str:
    if kinds[tensor.name] == "tensor_type":
        return ". End the graph with a Cast to FLOAT, or use an entry script."
    if kinds[tensor.name] in {"sequence_type", "map_type"}:
        return ". From scikit-learn, convert with options={'zipmap': False}; otherwise use an entry script."
    return "; only an entry script can give it."


def _weights(model: ModelProto) -> set[str]:
    sparse = (one.values.name for one in model.graph.sparse_initializer)
    return {tensor.name for tensor in model.graph.initializer}.union(sparse)


def _output(value: ValueInfoProto) -> TensorSpec:
    """A list of maps from class to number is answered as a matrix, a row for each map."""
    element = value.type.sequence_type.elem_type
    if value.type.WhichOneof("value") == "sequence_type" and element.WhichOneof("value") == "map_type":
        datatype = datatype_of(element.map_type.value_type.tensor_type.elem_type)
        if element.map_type.value_type.WhichOneof("value") == "tensor_type" and datatype in DATATYPES:
            return TensorSpec(value.name, datatype, [DYNAMIC, DYNAMIC])
    return _spec(value)


def _spec(value: ValueInfoProto, *, optional: bool = False) -> TensorSpec:
    kind = value.type.WhichOneof("value") or "tensor_type"
    if kind != "tensor_type":
        return TensorSpec(value.name, kind.removesuffix("_type").upper(), [DYNAMIC], optional)
    tensor = value.type.tensor_type
    return TensorSpec(value.name, datatype_of(tensor.elem_type), _shape(tensor), optional)


def datatype_of(element: int) -> str:
    """The protocol's word for an element type, or ONNX's own where the protocol has none."""
    name = TensorProto.DataType.Name(element) if element in TensorProto.DataType.values() else "UNKNOWN"
    return ONNX_DATATYPES.get(element, name)


def _shape(tensor: TypeProto.Tensor) -> list[int]:
    """-1 for a dimension that is named, left open, or below nothing; one of them for no shape at all."""
    if not tensor.HasField("shape"):
        return [DYNAMIC]
    return [
        size.dim_value if size.HasField("dim_value") and size.dim_value >= 0 else DYNAMIC for size in tensor.shape.dim
    ]
