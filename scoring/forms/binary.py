"""The Open Inference Protocol's binary tensor data: values as bytes behind a JSON header, both ways.

A body is a JSON header, as long as `Inference-Header-Content-Length` says, and then the bytes of every tensor that
has a `binary_data_size`, in the header's order, row-major and little-endian. An element of BYTES has its length in
four bytes before it. Protocol: Open Inference Protocol V2, extension `binary_tensor_data`.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from scoring.core.answer import Answer
from scoring.core.errors import bad_input
from scoring.core.tensors import Array, Feed, Tensor
from scoring.forms.json_bodies import Body, InferInput
from scoring.forms.outputs import encode_json

HEADER = b"inference-header-content-length"
CONTENT_TYPE = b"application/octet-stream"
MAX_DIGITS = 18  # of a length
UNSUPPORTED = ("shared_memory_region", "classification")
_length = struct.Struct("<I")


def split(body: bytes, header_length: bytes) -> tuple[memoryview, memoryview]:
    """The JSON header of a body, and the bytes behind it; `header_length` is the value of the HTTP header."""
    if not header_length.isdigit() or len(header_length) > MAX_DIGITS or int(header_length) > len(body):
        value = header_length.decode("latin-1")
        raise bad_input(f"Inference-Header-Content-Length is {value!r}; the body has {len(body)} bytes")
    view, length = memoryview(body), int(header_length)
    return view[:length], view[length:]


def read(body: Body, tail: memoryview, inputs: dict[str, Tensor]) -> Feed:
    """The tensors that come in binary; without a copy where they are aligned in the body."""
    feed: Feed = {}
    start = 0
    for item in body.inputs or ():
        size = _declared_size(item)
        if size is None:
            continue
        if start + size > len(tail):
            left = len(tail) - start
            raise bad_input(f"input {item.name!r} has binary_data_size {size}, but {left} bytes are left in the body")
        tensor = inputs.get(item.name)
        if tensor is not None and item.datatype == tensor.datatype:
            feed[item.name] = tensor_of(tensor, item.shape, tail[start : start + size])
        start += size
    if start != len(tail):
        raise bad_input(f"{len(tail) - start} bytes follow the last tensor of the body")
    return feed


def _declared_size(item: InferInput) -> int | None:
    size = (item.parameters or {}).get("binary_data_size")
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise bad_input(f"input {item.name!r} has binary_data_size {size!r}, which is no number of bytes")
    if bytes(item.data):
        raise bad_input(f'input {item.name!r} has both "data" and binary_data_size')
    return size


def tensor_of(tensor: Tensor, shape: list[int], part: memoryview, called: str = "binary_data_size") -> Array:
    """An input from its bytes; `called` is what the protocol calls their number."""
    count = tensor.size_for(shape)
    if tensor.datatype == "BYTES":
        return _texts(tensor.name, part, count).reshape(shape)
    dtype = np.dtype(tensor.dtype)
    if len(part) != count * dtype.itemsize:
        needed = f"its shape {shape} of {tensor.datatype} needs {count * dtype.itemsize}"
        raise bad_input(f"input {tensor.name!r} has {called} {len(part)}, {needed}")
    array = np.frombuffer(part, dtype)
    if dtype.kind == "b" and count and array.view(np.uint8).max() > 1:
        raise bad_input(f"input {tensor.name!r}: a BOOL is a byte of 0 or 1")
    return np.require(array, requirements="A").reshape(shape)


def _texts(name: str, part: memoryview, count: int) -> Array:
    """BYTES, which ONNX takes as UTF-8 text only."""
    found: list[str] = []
    start = 0
    try:
        while start < len(part):
            (length,) = _length.unpack_from(part, start)
            start += 4 + length
            if start > len(part):
                raise bad_input(f"input {name!r}: element {len(found)} has {length} bytes, more than there are")
            found.append(str(part[start - length : start], "utf-8"))
    except struct.error as error:
        raise bad_input(f"input {name!r}: element {len(found)} lacks its length, 4 bytes") from error
    except UnicodeDecodeError as error:
        raise bad_input(f"input {name!r}: element {len(found)} is not UTF-8, and the model takes text") from error
    if len(found) != count:
        raise bad_input(f"input {name!r} has {len(found)} elements, its shape needs {count}")
    return np.array(found, dtype=object)


def requested_in_binary(body: Body, names: Sequence[str]) -> frozenset[str]:
    """Which outputs a request wants in binary; 400 where it wants something that is not supported."""
    everything = _flag(body.parameters, "binary_data_output", default=False)
    own = {output.name: output.parameters for output in body.outputs or ()}
    for parameters in own.values():
        for name in UNSUPPORTED:
            if parameters and name in parameters:
                raise bad_input(f"this server has no {name}")
    return frozenset(name for name in names if _flag(own.get(name), "binary_data", default=everything))


def _flag(parameters: dict[str, Any] | None, name: str, *, default: bool) -> bool:
    value = (parameters or {}).get(name, default)
    if type(value) is not bool:
        raise bad_input(f"the parameter {name} is true or false, not {value!r}")
    return value


def write(answer: dict[str, Any], binary: frozenset[str]) -> Answer:
    """A response whose `binary` outputs follow its JSON as bytes; joined once."""
    parts: list[Any] = [b""]
    for output in answer["outputs"]:
        if output["name"] in binary:
            data = output.pop("data")
            part = packed(data) if isinstance(data, list) else data
            output["parameters"] = {**output.get("parameters", {}), "binary_data_size": memoryview(part).nbytes}
            parts.append(part)
    parts[0] = head = encode_json(answer)
    return Answer(b"".join(parts), CONTENT_TYPE, headers=((HEADER.decode(), str(len(head))),))


def packed(texts: list[str]) -> bytes:
    """Texts, each after its length."""
    parts: list[bytes] = []
    for text in texts:
        raw = text.encode()
        parts += (_length.pack(len(raw)), raw)
    return b"".join(parts)
