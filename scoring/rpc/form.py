"""The Open Inference Protocol's form as protobuf messages: tensors as raw bytes or as typed contents, both ways."""

from typing import Any, NamedTuple

import numpy as np
import orjson
from google.protobuf.message import DecodeError

from scoring.core.errors import bad_input
from scoring.core.model import Model
from scoring.core.request import Request
from scoring.core.tensors import Array, Feed, Tensor
from scoring.forms import Inputs, binary
from scoring.forms.json_bodies import Body, InferInput, InferOutput, feed_of, requested_outputs
from scoring.forms.outputs import NUMPY, output_writers
from scoring.rpc.messages import message

# datatype: the field of its values among the typed contents; FP16 has none
CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
RAW = "raw_input_contents of size"
_Request, _Response = message("ModelInferRequest"), message("ModelInferResponse")


class ResponseOptions(NamedTuple):
    """In `Inputs.rest`: the request's id, and whether its answer goes as raw bytes."""

    id: str
    raw: bool


class Protobuf:
    """`ModelInferRequest` and `ModelInferResponse`. A response is raw if its request was."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._outputs = output_writers(model)

    def decode(self, request: Request) -> Inputs:
        received = parse(_Request, request.body)
        model = self._model
        raw = len(received.raw_input_contents) > 0
        if raw and len(received.raw_input_contents) != len(received.inputs):
            counts = f"{len(received.raw_input_contents)} raw_input_contents and {len(received.inputs)} inputs"
            raise bad_input(f"there are {counts}: every input needs one")
        body = Body(
            inputs=[InferInput(item.name, list(item.shape), item.datatype) for item in received.inputs],
            outputs=[InferOutput(output.name) for output in received.outputs],
        )
        _refuse_parameters(received)
        names = requested_outputs(body, model.output_names)
        arrays = self._arrays(received, raw)
        return Inputs(names, feed_of(body, model.inputs, arrays), ResponseOptions(received.id, raw))

    def _arrays(self, received: Any, raw: bool) -> Feed:
        """The values of the inputs that are what the model takes; `feed_of` says what is wrong with the others."""
        arrays: Feed = {}
        for place, item in enumerate(received.inputs):
            tensor = self._model.inputs.get(item.name)
            if tensor is None or tensor.datatype != item.datatype:
                continue
            if not raw:
                arrays[item.name] = _typed(tensor, item)
            elif item.HasField("contents") and item.contents.ByteSize():
                raise bad_input(f"input {item.name!r} has both contents and raw_input_contents")
            else:
                part = memoryview(received.raw_input_contents[place])
                arrays[item.name] = binary.tensor_of(tensor, list(item.shape), part, RAW)
        return arrays

    def encode(self, inputs: Inputs, results: list[Any]) -> bytes:
        model, options = self._model, inputs.rest
        named = zip(inputs.output_names, results, strict=True)
        outputs = [self._outputs[name].encode(result) for name, result in named]
        raw = options.raw or any(output["datatype"] not in CONTENTS for output in outputs)
        answer = _Response(model_name=model.name, model_version=str(model.version), id=options.id)
        for output in outputs:
            output_message, data = answer.outputs.add(), output["data"]
            output_message.name, output_message.datatype = output["name"], output["datatype"]
            output_message.shape.extend(output["shape"])
            if keys := output.get("parameters", {}).get("keys"):
                parameter = output_message.parameters.add(key="keys")
                parameter.value.string_param = orjson.dumps(keys, option=NUMPY).decode()
            if raw:
                answer.raw_output_contents.append(binary.packed(data) if isinstance(data, list) else data.tobytes())
            else:
                values = [text.encode() for text in data] if isinstance(data, list) else data.tolist()
                getattr(output_message.contents, CONTENTS[output["datatype"]]).extend(values)
        serialised: bytes = answer.SerializeToString()
        return serialised


def parse(kind: Any, body: bytes) -> Any:
    """Parse a message of a class from `messages`; 400 if the bytes are not one."""
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise bad_input(f"the message is no {kind.DESCRIPTOR.name}: {error}") from error


def _refuse_parameters(received: Any) -> None:
    for one in (*received.inputs, *received.outputs):
        for parameter in one.parameters:
            if parameter.key in binary.UNSUPPORTED:
                raise bad_input(f"this server has no {parameter.key}")


def _typed(tensor: Tensor, item: Any) -> Array:
    shape = list(item.shape)
    count = tensor.size_for(shape)
    place = CONTENTS.get(tensor.datatype)
    if place is None:
        raise bad_input(f"input {tensor.name!r}: {tensor.datatype} has no typed contents, use raw_input_contents")
    values = getattr(item.contents, place)
    if len(values) != count:
        raise bad_input(f"input {tensor.name!r} has {len(values)} values in {place}, its shape {shape} needs {count}")
    if tensor.datatype == "BYTES":
        return _texts(tensor.name, values).reshape(shape)
    array = np.fromiter(values, np.int64 if place in ("int_contents", "uint_contents") else tensor.dtype, count)
    narrow = array.astype(tensor.dtype, copy=False)
    if array.dtype != narrow.dtype and (narrow != array).any():
        raise bad_input(f"input {tensor.name!r}: a value does not fit into {tensor.datatype}")
    return narrow.reshape(shape)


def _texts(name: str, values: Any) -> Array:
    """BYTES, which ONNX takes as UTF-8 text only."""
    found: list[str] = []
    try:
        for value in values:
            found.append(value.decode())
    except UnicodeDecodeError as error:
        raise bad_input(f"input {name!r}: element {len(found)} is not UTF-8, and the model takes text") from error
    return np.array(found, dtype=object)
