"""Read an ONNX file: is it whole and valid, and what goes in and out?"""

from collections import Counter
from collections.abc import Iterator
from math import prod
from pathlib import Path, PurePosixPath

import onnx
from google.protobuf.message import DecodeError, Message
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

from registry.inspection.formats import onnx_nodes, onnx_signature
from registry.inspection.formats.memory import free_bytes
from registry.inspection.formats.report import Refused, Report
from registry.inspection.signature import stored

MAX_PROTOBUF = 2**31 - 1  # bytes; protobuf itself goes no further
LACKS_OPERATORS = "It uses operators of "  # a warning begins so until the runtime has loaded the graph
PARSE_FACTOR = 2  # memory that parsing takes, in sizes of the file
KNOWN_DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft"}
)


def read(path: Path, root: Path) -> Report:
    """Everything about the graph. Raises `Refused`; `root` is the folder that external data must stay in."""
    model = _parse(path)
    tensors = [tensor for graph in _graphs(model) for tensor in _tensors(graph)]
    external = list(_external_tensors(model))
    _check_external_data(external, path, root)
    _check_lengths(external, path)
    _check(_without_external_data(model) if external else str(path), path)
    operators = Counter(_operator(node) for graph in _graphs(model) for node in graph.node)
    inputs, outputs = onnx_signature.inputs_of(model), list(model.graph.output)
    signature = onnx_signature.signature_of(model)
    facts = {
        "ir_version": model.ir_version,
        "opset": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "producer": " ".join(part for part in (model.producer_name, model.producer_version) if part)[:200],
        "graph": model.graph.name[:200],
        "operators": dict(operators.most_common(200)),
        "nodes": operators.total(),
        "parameters": sum(prod(tensor.dims) for tensor in tensors),
        "parameter_bytes": sum(onnx_nodes.bytes_of(tensor) for tensor in tensors),
        "dimensions": {value.name: onnx_signature.dimension_names(value) for value in [*inputs, *outputs]},
        "external_data": sorted({_location(tensor) for tensor in external}),
        "metadata": {entry.key[:100]: entry.value[:1000] for entry in model.metadata_props[:50]},
    }
    version = str(facts["opset"].get("ai.onnx", ""))
    warnings = [*_unknown_domains(model), *onnx_signature.warnings(model)]
    framework_version = version and f"opset {version}"
    graph = onnx_nodes.graph_of(model)
    return Report("onnx", "is ONNX", "onnx", framework_version, stored(signature), facts, warnings, graph=graph)


def parses(path: Path) -> bool:
    """Is this ONNX, whatever it is called?"""
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        return False
    return bool(model.graph.node and model.opset_import)


def _parse(path: Path) -> ModelProto:
    if path.stat().st_size > MAX_PROTOBUF:
        raise Refused(
            "onnx_too_large",
            f"{path.name} is larger than 2 GB in one file, which no ONNX reader accepts.",
            hint="Save it with external data (onnx.save with save_as_external_data=True) and send all files.",
        )
    if PARSE_FACTOR * path.stat().st_size > free_bytes():
        raise MemoryError  # protobuf tells it as damage
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as reason:
        raise Refused(
            "onnx_truncated",
            f"{path.name} is ONNX that breaks off or is damaged.",
            hint="Compare its size with the original and send it again.",
            evidence=str(reason),
        ) from reason
    if not model.HasField("graph") or not model.opset_import:
        raise Refused(
            "onnx_truncated",
            f"{path.name} begins like ONNX but holds no whole model.",
            hint="Compare its size with the original and send it again.",
        )
    return model


def _check(model: ModelProto | str, path: Path) -> None:
    """The checker's own word. Weights beside the graph have been looked at and are left out: the checker takes
    the links that versions are laid out with for an attack.
    """
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as reason:
        raise Refused(
            "onnx_invalid",
            f"{path.name} is not valid ONNX: {str(reason).strip().splitlines()[0][:300]}",
            hint="Export it again, or run onnx.checker.check_model on it to see more.",
            evidence=str(reason),
        ) from reason


def _without_external_data(model: ModelProto) -> ModelProto:
    """A copy in which tensors that lie elsewhere are empty ones."""
    copy = ModelProto()
    copy.CopyFrom(model)
    for tensor in _external_tensors(copy):
        tensor.CopyFrom(TensorProto(name=tensor.name, data_type=tensor.data_type, dims=[0]))
    return copy


def _graphs(model: ModelProto) -> Iterator[GraphProto]:
    """The main graph and every graph inside a node (branches and loop bodies)."""
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                waiting += [attribute.g] if attribute.type == AttributeProto.GRAPH else attribute.graphs


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t
            yield from attribute.tensors


def _external_tensors(message: Message) -> Iterator[TensorProto]:
    """Every tensor of a message whose bytes lie in another file, wherever it is: in graphs, functions, training."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in [value] if isinstance(value, Message) else value:
            if not isinstance(part, TensorProto):
                yield from _external_tensors(part)
            elif part.data_location == TensorProto.EXTERNAL:
                yield part


def _location(tensor: TensorProto) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _check_external_data(tensors: list[TensorProto], path: Path, root: Path) -> None:
    """The weights beside the graph must be among the files, and nowhere else."""
    locations = sorted({_location(tensor) for tensor in tensors})
    for location in locations:
        parts = PurePosixPath(location).parts
        outside = not parts or location.startswith("/") or ".." in parts or "\\" in location or "\0" in location
        if outside or not (path.parent / location).resolve().is_relative_to(root.resolve()):
            raise Refused(
                "onnx_external_data_outside",
                f"{path.name} wants to read its weights from {location[:200]!r}, outside of the version's folder.",
                hint="Export it with the weights beside the .onnx file.",
            )
    missing = [location for location in locations if not (path.parent / location).is_file()]
    if missing:
        raise Refused(
            "onnx_external_data_missing",
            f"{path.name} keeps its weights in {', '.join(missing[:5])}, which {'is' if len(missing) == 1 else 'are'} "
            "not among the files.",
            hint="Register the folder with the .onnx file and its data files together.",
        )


def _check_lengths(tensors: list[TensorProto], path: Path) -> None:
    for tensor in tensors:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        spans = [entries.get(key, "0") for key in ("offset", "length")]
        end = sum(int(text) for text in spans if text.isdecimal())
        if end > (path.parent / entries["location"]).stat().st_size:
            raise Refused(
                "onnx_external_data_truncated",
                f"{entries['location']} is shorter than {path.name} says.",
                hint="Compare its size with the original and send both again.",
            )


def _operator(node: onnx.NodeProto) -> str:
    return node.op_type if node.domain in {"", "ai.onnx"} else f"{node.domain}.{node.op_type}"


def _unknown_domains(model: ModelProto) -> list[str]:
    unknown = sorted({node.domain for graph in _graphs(model) for node in graph.node} - KNOWN_DOMAINS)
    local = {function.domain for function in model.functions}
    return [
        f"{LACKS_OPERATORS}{domain}, which a standard runtime lacks. Serve it with an entry script that registers "
        "them, in an environment that has their library."
        for domain in unknown
        if domain not in local
    ]
