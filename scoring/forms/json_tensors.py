"""Values of tensors in JSON: read strictly, and written.

A string is not a number, 1.5 is not an integer, 300 is no UINT8. 3.0 is an integer: pandas and others write whole
numbers so; beyond 2**53, where a number with a point is not exact, it is refused. In floating-point tensors `null`
stands for NaN, both ways, since JSON has no other word for it; Infinity is refused on the way in and becomes `null` on
the way out.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from scoring.core.errors import ScoringError, bad_input
from scoring.core.tensors import Array, Tensor

MAX_DEPTH = 16
NULL, FLOAT = "got `null`", "got `float`"  # what msgspec says of values of other types
EXACT = 2**53  # below, every whole number is a floating-point one of 64 bits, and no other number is read as it


def _between(low: int, high: int) -> Any:
    return Annotated[int, msgspec.Meta(ge=low, le=high)]


_FLOAT = float | None
# datatype: what an element is in JSON
ELEMENTS: dict[str, Any] = {
    "BOOL": bool,
    "UINT8": _between(0, 255),
    "UINT16": _between(0, 65535),
    "UINT32": _between(0, 2**32 - 1),
    "UINT64": Annotated[int, msgspec.Meta(ge=0)],  # msgspec bounds end at 2**63 - 1; numpy checks the upper one
    "INT8": _between(-128, 127),
    "INT16": _between(-32768, 32767),
    "INT32": _between(-(2**31), 2**31 - 1),
    "INT64": _between(-(2**63), 2**63 - 1),
    "FP16": _FLOAT,
    "FP32": _FLOAT,
    "FP64": _FLOAT,
    "BYTES": str,
}


def _decoders(element: Any) -> tuple[msgspec.json.Decoder[Any], ...]:
    decoders = []
    for _ in range(MAX_DEPTH):
        decoders.append(msgspec.json.Decoder(element))
        element = list[element]
    return tuple(decoders)


# index: how deep the lists are nested; 0 is a bare value
DECODERS = {name: _decoders(element) for name, element in ELEMENTS.items()}
FLAT_DECODERS = {name: decoders[1] for name, decoders in DECODERS.items()}
NUMBERS = _decoders(int | float)


def read_tensor(tensor: Tensor, raw: msgspec.Raw | bytes, shape: Sequence[int]) -> Array:
    """A tensor from the JSON text of its values, flat in row-major order or nested as its shape says."""
    size = tensor.size_for(shape)
    try:
        array = np.array(FLAT_DECODERS[tensor.datatype].decode(raw), tensor.dtype)
    except msgspec.DecodeError:
        return _read_unusual(tensor, raw, shape)
    except UnicodeDecodeError as error:
        raise _not_utf8(tensor) from error
    except (OverflowError, FloatingPointError) as error:
        raise _out_of_range(tensor) from error
    if array.size != size:
        raise _wrong_count(tensor, array, shape)
    return array.reshape(tuple(shape))


def _read_unusual(tensor: Tensor, raw: msgspec.Raw | bytes, shape: Sequence[int]) -> Array:
    if not bytes(raw):
        binary = "`binary_data_size` with the header Inference-Header-Content-Length"
        raise bad_input(f'input {tensor.name!r} has no values: give "data", or {binary}')
    array = read_nested(tensor, raw)
    if array.ndim == 1:  # flat, and read as nested for whole numbers that are written as 3.0
        if array.size != tensor.size_for(shape):
            raise _wrong_count(tensor, array, shape)
        return array.reshape(tuple(shape))
    if array.shape != tuple(shape):
        message = f"input {tensor.name!r}: the values are nested as {list(array.shape)}, the shape says {list(shape)}"
        raise bad_input(message)
    return array


def read_nested(tensor: Tensor, raw: msgspec.Raw | bytes) -> Array:
    """A tensor whose shape is how its values are nested; the shape is not checked against the model's."""
    depth = _depth(bytes(raw))
    if depth >= MAX_DEPTH:
        raise bad_input(f"input {tensor.name!r} is nested deeper than {MAX_DEPTH - 1} lists")
    try:
        array = np.array(_values(tensor, raw, depth), tensor.dtype)
    except msgspec.ValidationError as error:
        missing = "a value is missing: " if NULL in str(error) else ""
        raise bad_input(f"input {tensor.name!r} ({tensor.datatype}): {missing}{error}") from error
    except UnicodeDecodeError as error:
        raise _not_utf8(tensor) from error
    except (OverflowError, FloatingPointError) as error:
        raise _out_of_range(tensor) from error
    except ValueError as error:
        raise _ragged(tensor) from error
    if array.ndim != depth:  # numpy has taken lists for values, which it does where values are texts
        raise _ragged(tensor)
    return array


def _values(tensor: Tensor, raw: msgspec.Raw | bytes, depth: int) -> Any:
    """Nested values; whole numbers may be written as 3.0 or 3e0."""
    decoder = DECODERS[tensor.datatype][depth]
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        if tensor.kind not in "iu" or FLOAT not in str(error):
            raise
    return decoder.decode(msgspec.json.encode(_integers(NUMBERS[depth].decode(raw))))


def _integers(value: Any) -> Any:
    """Nested numbers with the whole ones as integers; others stay what they are, and are refused as such."""
    if isinstance(value, list):
        return [_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < EXACT else value


def _depth(text: bytes) -> int:
    """How many lists open before the first value."""
    depth = 0
    for byte in text:
        if byte == 0x5B:
            depth += 1
        elif byte not in b" \t\r\n":
            break
    return depth


def _wrong_count(tensor: Tensor, array: Array, shape: Sequence[int]) -> ScoringError:
    needs = f"its shape {list(shape)} needs {tensor.size_for(shape)}"
    return bad_input(f"input {tensor.name!r} has {array.size} values, {needs}")


def _out_of_range(tensor: Tensor) -> ScoringError:
    return bad_input(f"input {tensor.name!r}: a value does not fit into {tensor.datatype}")


def _not_utf8(tensor: Tensor) -> ScoringError:
    return bad_input(f"input {tensor.name!r} holds a text that is not UTF-8")


def _ragged(tensor: Tensor) -> ScoringError:
    return bad_input(f"input {tensor.name!r}: lists of different length stand side by side")


def json_ready(array: Array) -> Any:
    """An array as the JSON encoder takes it: contiguous numbers as they are, text as a list, a scalar as itself."""
    if array.dtype == np.object_ or array.dtype.kind in "SU":
        return _texts(array.tolist())
    if array.ndim == 0:  # the encoder knows no array of rank 0, and no scalar of numpy's long long
        return array[()] if array.dtype.kind == "f" else array.item()
    return np.ascontiguousarray(array)


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
