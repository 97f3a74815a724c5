"""Values by row or by column as TensorFlow Serving has them, for the forms that share this format."""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import orjson

from scoring.core.errors import bad_input
from scoring.core.tensors import Array, Feed, Tensor, describe_tensors, required
from scoring.forms.json_bodies import are_names, envelope, parts_of
from scoring.forms.json_tensors import read_nested
from scoring.forms.outputs import OutputWriter

_rows = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def feed_of_instances(raw: msgspec.Raw, inputs: dict[str, Tensor]) -> Feed:
    """Tensors from a list of rows: a row is the value of the only required input, or an object of values by input."""
    text = bytes(raw)
    if not text.startswith(b"["):
        raise bad_input('"instances" must be a list with one item for each row')
    inner = text[1:].lstrip()
    if inner.startswith(b"]"):
        raise bad_input('"instances" holds no row')
    needed = required(inputs)
    if len(needed) == 1 and not (inner.startswith(b"{") and not inner[1:].lstrip().startswith(b'"b64"')):
        return {name: read(tensor, text) for name, tensor in needed.items()}
    rows = envelope(_rows, text)
    for number, row in enumerate(rows):
        if not are_names(row, inputs):
            raise bad_input(f"instance {number} has {sorted(row)}, the model takes {describe_tensors(inputs)}")
        if row.keys() != rows[0].keys():
            raise bad_input(f"instance {number} has {sorted(row)}, and instance 0 {sorted(rows[0])}: all need the same")
    return {name: _column(inputs[name], [row[name] for row in rows]) for name in inputs if name in rows[0]}


def _column(tensor: Tensor, values: list[msgspec.Raw]) -> Array:
    array = tensor.from_rows(_nested(tensor, b"[%b]" % b",".join(map(bytes, values))))
    tensor.size_for(array.shape)
    return array


def feed_of_columns(raw: msgspec.Raw, inputs: dict[str, Tensor]) -> Feed:
    """Whole tensors: the value of the only required input, or an object of values by input."""
    parts = parts_of(raw, inputs, "inputs")
    return {name: read(inputs[name], bytes(part)) for name, part in parts.items()}


def read(tensor: Tensor, text: bytes) -> Array:
    """A tensor from nested values; `{"b64": …}` stands for bytes."""
    array = _nested(tensor, text)
    tensor.size_for(array.shape)
    return array


def _nested(tensor: Tensor, text: bytes) -> Array:
    return read_nested(tensor, _without_base64(text) if tensor.datatype == "BYTES" and b'"b64"' in text else text)


def _without_base64(text: bytes) -> bytes:
    try:
        return orjson.dumps(_decoded(orjson.loads(text)))
    except TypeError as error:
        raise bad_input("the body is nested too deeply") from error
    except (binascii.Error, ValueError) as error:
        raise bad_input(f'"b64" holds no UTF-8 text in base64: {error}') from error


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str):
        return b64decode(value["b64"], validate=True).decode()
    return value


def by_row(outputs: dict[str, OutputWriter], names: Sequence[str], results: list[Any]) -> Any:
    """Results as a list of rows: values of a model with one output, else objects of values by output."""
    values = [outputs[name].nested(result) for name, result in zip(names, results, strict=True)]
    if len(outputs) == 1:
        return values[0]
    values = [_rows_of(value) for value in values]
    counts = {name: len(value) for name, value in zip(names, values, strict=True)}
    if len(set(counts.values())) != 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise bad_input(f'the outputs do not have the same number of rows ({listed}): ask with "inputs" instead')
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _rows_of(value: Any) -> Any:
    """The rows of an output. A scalar is one: some models squeeze the result of a single row.

    Integers become Python's own: the encoder knows arrays of numpy's long long, as ONNX Runtime's are, but no scalars.
    """
    if not isinstance(value, np.ndarray):
        return value if isinstance(value, list) else [value]
    return value.tolist() if value.ndim == 1 and value.dtype.kind != "f" else value


def by_column(outputs: dict[str, OutputWriter], names: Sequence[str], results: list[Any]) -> Any:
    """Whole results: the value of a model with one output, else an object of values by output."""
    values = {name: outputs[name].nested(result) for name, result in zip(names, results, strict=True)}
    return values if len(outputs) > 1 else values[names[0]]
