"""The forms a question travels in: Open Inference Protocol as JSON or with binary tensors, and plain named arrays."""

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import orjson

from bench.questions import Arrays

DATATYPES = {"float32": "FP32", "int64": "INT64"}
DTYPES = {name: np.dtype(kind) for kind, name in DATATYPES.items()}
JSON = {"Content-Type": "application/json"}
HEADER_LENGTH = "Inference-Header-Content-Length"


class Body(NamedTuple):
    content: bytes
    headers: dict[str, str]


class Form(NamedTuple):
    """How a question is written, and its answer read."""

    write: Callable[[Arrays], Body]
    read: Callable[[bytes, Mapping[str, str]], Arrays]


def _tensor(name: str, value: np.ndarray, **more: object) -> dict:
    return {"name": name, "shape": list(value.shape), "datatype": DATATYPES[value.dtype.name], **more}


def _text(value: object) -> bytes:
    """JSON with floats as short as they can be."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _array(tensor: dict, values: object) -> np.ndarray:
    return np.array(values, dtype=DTYPES[tensor["datatype"]]).reshape(tensor["shape"])


def _write_v2(inputs: Arrays) -> Body:
    return Body(_text({"inputs": [_tensor(name, value, data=value.ravel()) for name, value in inputs.items()]}), JSON)


def _read_v2(content: bytes, _: Mapping[str, str]) -> Arrays:
    return {one["name"]: _array(one, one["data"]) for one in json.loads(content)["outputs"]}


def _write_binary(inputs: Arrays) -> Body:
    tensors = [_tensor(name, value, parameters={"binary_data_size": value.nbytes}) for name, value in inputs.items()]
    head = _text({"inputs": tensors, "parameters": {"binary_data_output": True}})
    headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(head))}
    return Body(head + b"".join(value.tobytes() for value in inputs.values()), headers)


def _read_binary(content: bytes, headers: Mapping[str, str]) -> Arrays:
    start = int(headers[HEADER_LENGTH])
    found = {}
    for one in json.loads(content[:start])["outputs"]:
        end = start + one["parameters"]["binary_data_size"]
        found[one["name"]] = _array(one, np.frombuffer(content[start:end], DTYPES[one["datatype"]]))
        start = end
    return found


def named(wrap_inputs: str | None = None, wrap_outputs: str | None = None) -> Form:
    """`{"x": [[…]]}` and `{"y": [[…]]}`, each within an object of one key where the peer wants one."""

    def write(inputs: Arrays) -> Body:
        return Body(_text({wrap_inputs: inputs} if wrap_inputs else inputs), JSON)

    def read(content: bytes, _: Mapping[str, str]) -> Arrays:
        answer = json.loads(content)
        values = answer[wrap_outputs] if wrap_outputs else answer
        return {name: np.array(value) for name, value in values.items()}

    return Form(write, read)


V2 = Form(_write_v2, _read_v2)
V2_BINARY = Form(_write_binary, _read_binary)
