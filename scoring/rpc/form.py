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

# datatype: where its values are among the typed contents; FP16 has no place there
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
    """`ModelInferRequest` and `ModelInferResponse`. An answer is raw where the question was."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._outputs = output_writers(model)

    def decode(self, request: Request) -> Inputs:
        asked = parse(_Request, request.body)
        model = self._model
        raw = len(asked.raw_input_contents) > 0
        if raw and len(asked.raw_input_contents) != len(asked.inputs):
            counts = f"{len(asked.raw_input_contents)} raw_input_contents and {len(asked.inputs)} inputs"
            raise bad_input(f"there are {counts}: every input needs one")
        body = Body(
            inputs=[InferInput(item.name, list(item.shape), item.datatype) for item in asked.inputs],
            outputs=[InferOutput(output.name) for output in asked.outputs],
        )
        _refuse_parameters(asked)
        names = requested_outputs(body, model.output_names)
        arrays = self._arrays(asked, raw)
        return Inputs(names, feed_of(body, model.inputs, arrays), ResponseOptions(asked.id, raw))

    def _arrays(self, asked: Any, raw: bool) -> Feed:
        """The values of the inputs that are what the model takes; `feed_of` says what is wrong with the others."""
        arrays: Feed = {}
        for place, item in enumerate(asked.inputs):
            tensor = self._model.inputs.get(item.name)
            if tensor is None or tensor.datatype != item.datatype:
                continue
            if not raw:
                arrays[item.name] = _typed(tensor, item)
            elif item.HasField("contents") and item.contents.ByteSize():
                raise bad_input(f"input {item.name!r} has both contents and raw_input_contents")
            else:
                part = memoryview(asked.raw_input_contents[place])
                arrays[item.name] = binary.tensor_of(tensor, list(item.shape), part, RAW)
        return arrays

    def encode(self, asked: Inputs, results: list[Any]) -> bytes:
        model, wish = self._model, asked.rest
        outputs = [self._outputs[name].encode(result) for name, result in zip(asked.names, results, strict=True)]
        raw = wish.raw or any(output["datatype"] not in CONTENTS for output in outputs)
        answer = _Response(model_name=model.name, model_version=str(model.version), id=wish.id)
        for output in outputs:
            told, data = answer.outputs.add(), output["data"]
            told.name, told.datatype = output["name"], output["datatype"]
            told.shape.extend(output["shape"])
            if keys := output.get("parameters", {}).get("keys"):
                parameter = told.parameters.add(key="keys")
                parameter.value.string_param = orjson.dumps(keys, option=NUMPY).decode()
            if raw:
                answer.raw_output_contents.append(binary.packed(data) if isinstance(data, list) else data.tobytes())
            else:
                values = [text.encode() for text in data] if isinstance(data, list) else data.tolist()
                getattr(told.contents, CONTENTS[output["datatype"]]).extend(values)
        serialised: bytes = answer.SerializeToString()
        return serialised


def parse(kind: Any, body: bytes) -> Any:
    """A message of a class from `messages`; 400 where the bytes are none."""
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise bad_input(f"the message is no {kind.DESCRIPTOR.name}: {error}") from error


def _refuse_parameters(asked: Any) -> None:
    for one in (*asked.inputs, *asked.outputs):
        for parameter in one.parameters:
            if parameter.key in binary.NOT_HERE:
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
