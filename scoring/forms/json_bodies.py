"""Bodies of requests in JSON: the Open Inference Protocol's, and `{"data": …}`.

Small bodies go through typed decoding; large ones through simdjson, numbers straight into a buffer, where it is
installed. What that refuses is read again by the strict decoder, which names what is wrong.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
import orjson

from scoring.core.errors import ScoringError, bad_input
from scoring.core.tensors import Array, Feed, Tensor, describe_tensors, required
from scoring.core.text_encodings import plain_json
from scoring.forms.json_tensors import read_nested, read_tensor
from scoring.forms.tables import JsonTable, feed_of_table

try:
    import simdjson
except ImportError:  # optional: bodies of any size are then decoded by type
    simdjson = None  # type: ignore[assignment]

LARGE_BYTES = 16 * 1024
ERROR_POSITION = re.compile(r"\(byte (\d+)\)")  # where msgspec says that a text stops being JSON
NOT_IN_JSON = (b"NaN", b"Infinity")
HEAD_BYTES = 512  # within which a large body must have its key "inputs" to be parsed by simdjson
Number = Literal["d", "i", "u"]  # as simdjson calls kinds of numbers
BUFFER_KIND: dict[str, tuple[Number, Any]] = {"f": ("d", np.float64), "i": ("i", np.int64), "u": ("u", np.uint64)}
Envelope = TypeVar("Envelope")


class InferInput(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"")  # empty where it comes in binary
    parameters: dict[str, Any] | None = None


class InferOutput(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class Body(msgspec.Struct):
    """Either form of a request body; exactly one of `inputs` and `data` is given."""

    inputs: list[InferInput] | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    id: str | None = None
    outputs: list[InferOutput] | None = None
    parameters: dict[str, Any] | None = None
    method: str | None = None  # Azure's, of an estimator that is served without code


BODY = msgspec.json.Decoder(Body)
NULL = msgspec.Raw(b"null")
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_lists = msgspec.json.Decoder(list[list[msgspec.Raw]])
_records = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def envelope(decoder: msgspec.json.Decoder[Envelope], raw: bytes | memoryview | msgspec.Raw) -> Envelope:
    """The envelope of a request, in whatever Unicode encoding; 400 when it is not JSON or not an envelope."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _refused(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        plain = plain_json(bytes(raw))
        if plain is None:
            raise _refused(error, bytes(raw)) from error
    try:
        return decoder.decode(plain)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(error, plain) from error


def _refused(error: Exception, raw: bytes = b"") -> ScoringError:
    if isinstance(error, msgspec.ValidationError):
        return bad_input(f"the body is JSON, but not a request: {error}")
    if isinstance(error, RecursionError):
        return bad_input("the body is nested too deeply")
    return ScoringError(400, "not_json", f"the body is not JSON: {_not_a_number(str(error), raw) or error}")


def _not_a_number(message: str, raw: bytes) -> str:
    """What to send in the place of NaN and Infinity, where one of them is what the parser stopped at."""
    found = ERROR_POSITION.search(message)
    stopped = raw[int(found[1]) :] if found else b""
    word = next((word for word in NOT_IN_JSON if stopped.startswith(word)), b"").decode()
    instead = "send null for a missing number (NaN), or binary tensors, which hold every number"
    return f"it has no {word} (byte {found[1]}); {instead}" if found and word else ""


def read_body(raw: bytes, inputs: dict[str, Tensor]) -> tuple[Body, Feed]:
    """The envelope of a body, and the inputs in it that could be read at once."""
    quick = _read_quickly(raw, inputs) if len(raw) >= LARGE_BYTES else None
    return quick or (envelope(BODY, raw), {})


def feed_of(body: Body, inputs: dict[str, Tensor], quick: Feed) -> Feed:
    """The tensors of a protocol request, checked against what the model takes; `quick` holds those read already."""
    given = body.inputs
    if not given and required(inputs):
        raise bad_input(f'the body needs "inputs": a list with {describe_tensors(inputs)}')
    feed: Feed = {}
    for item in given or ():
        tensor = inputs.get(item.name)
        if tensor is None:
            raise bad_input(f"the model has no input {item.name!r}; it takes {describe_tensors(inputs)}")
        if item.name in feed:
            raise bad_input(f"input {item.name!r} is given twice")
        if item.datatype != tensor.datatype:
            raise bad_input(f"input {item.name!r} has datatype {item.datatype}, the model takes {tensor.datatype}")
        array = quick.get(item.name)
        feed[item.name] = read_tensor(tensor, item.data, item.shape) if array is None else array
    if len(feed) != len(inputs):
        missing = {name: tensor for name, tensor in required(inputs).items() if name not in feed}
        if missing:
            raise bad_input(f"missing: {describe_tensors(missing)}")
    return feed


def feed_of_data(data: msgspec.Raw, inputs: dict[str, Tensor], columns: Sequence[str] = ()) -> Feed:
    """The tensors of a `{"data": …}` body; `columns` are the names of a matrix' columns, where they are known."""
    text = bytes(data)
    if not text:
        raise bad_input('the body needs "inputs" (Open Inference Protocol) or "data" (nested lists)')
    if text.startswith(b"["):
        if columns and text[1:].lstrip().startswith(b"{"):
            return feed_of_records(data, inputs, columns)
        if len(required(inputs)) > 1:
            return feed_of_rows(data, inputs)
    feed = {}
    for name, part in parts_of(data, inputs, "data").items():
        array = read_nested(inputs[name], part)
        inputs[name].size_for(array.shape)
        feed[name] = array
    return feed


def feed_of_rows(data: msgspec.Raw, inputs: dict[str, Tensor]) -> Feed:
    """Rows for a model with an input for each column: lists in the order of the inputs, or objects by name."""
    if any(tensor.shape is None or len(tensor.shape) != 1 for tensor in inputs.values()):
        raise bad_input(f'the model has several inputs: "data" must be an object with {describe_tensors(inputs)}')
    if bytes(data)[1:].lstrip().startswith(b"{"):
        return feed_of_records(data, inputs)
    return feed_of_table(JsonTable(list(inputs), envelope(_lists, data), is_named=False), inputs)


def feed_of_records(data: msgspec.Raw, inputs: dict[str, Tensor], known: Sequence[str] = ()) -> Feed:
    """Rows as objects by column; one that is left out has no value."""
    records = envelope(_records, data)
    columns = list(dict.fromkeys(name for record in records for name in record))
    table = JsonTable(columns, [[one.get(name, NULL) for name in columns] for one in records])
    return feed_of_table(table, inputs, known)


def parts_of(data: msgspec.Raw, inputs: dict[str, Tensor], key: str) -> dict[str, msgspec.Raw]:
    """The values by input of what a body has at `key`: values of the only (required) input, else an object by name."""
    if bytes(data).startswith(b"{"):
        parts = envelope(_object, data)
    elif len(single := inputs if len(inputs) == 1 else required(inputs)) == 1:
        parts = {next(iter(single)): data}
    else:
        raise bad_input(f'the model has several inputs: "{key}" must be an object with {describe_tensors(inputs)}')
    if parts.keys() != inputs.keys() and not are_names(parts, inputs):
        raise bad_input(f'"{key}" has {sorted(parts)}, the model takes {describe_tensors(inputs)}')
    return parts


def are_names(given: Iterable[str], inputs: dict[str, Tensor]) -> bool:
    """Whether these are names of inputs, and all that are needed among them."""
    names = set(given)
    return names <= set(inputs) and names >= set(required(inputs))


def requested_outputs(body: Body, names: Sequence[str]) -> Sequence[str]:
    """The outputs that a request asks for; all where it names none."""
    if not body.outputs:
        return names
    requested = [output.name for output in body.outputs]
    unknown = [name for name in requested if name not in names]
    if unknown:
        raise bad_input(f"the model has no output {unknown[0]!r}; it gives {', '.join(names)}")
    return requested


def _read_quickly(raw: bytes, inputs: dict[str, Tensor]) -> tuple[Body, Feed] | None:
    """A large body, parsed without making a Python object of every number; None where it is unusual or wrong."""
    head = raw[:HEAD_BYTES]
    if simdjson is None or not head.startswith(b"{") or b'"inputs"' not in head:
        return None
    try:
        whole: Any = simdjson.Parser().parse(raw)
        given = list(whole["inputs"])
        quick = {item["name"]: item["data"] for item in given if inputs[item["name"]].kind in BUFFER_KIND}
        rest = orjson.dumps(
            _without(whole, "inputs")
            | {"inputs": [_without(item, "data" if item["name"] in quick else None) for item in given]}
        )
        body = BODY.decode(rest)
        feed = {
            item.name: _quick_array(inputs[item.name], item.shape, quick[item.name])
            for item in body.inputs or ()
            if item.name in quick
        }
    except (AttributeError, LookupError, TypeError, ValueError, RuntimeError, msgspec.MsgspecError, ScoringError):
        return None
    # Buffers are flat whatever they are made of: no list may stand inside one of them.
    flat = np.count_nonzero(np.frombuffer(raw, np.uint8) == ord("[")) == rest.count(b"[") + len(quick)
    return (body, feed) if flat else None


def _without(whole: Any, key: str | None) -> dict[str, Any]:
    """The other members of an object that simdjson has parsed; an error where it has one twice."""
    names = list(whole)
    if len(names) != len(set(names)):
        raise ValueError
    members = [(name, whole[name]) for name in names if name != key]
    return {name: orjson.Fragment(value.mini) if hasattr(value, "mini") else value for name, value in members}


def _quick_array(tensor: Tensor, shape: list[int], values: Any) -> Array:
    """Numbers that simdjson has parsed; an error where they are not all such as the tensor takes, or too many."""
    code, dtype = BUFFER_KIND[tensor.kind]
    array = np.frombuffer(values.as_buffer(of_type=code), dtype)
    if not _fits(array, tensor) or array.size != tensor.size_for(shape):
        raise ValueError
    return array.astype(tensor.dtype, copy=False).reshape(shape)


def _fits(array: Array, tensor: Tensor) -> bool:
    if array.size == 0:
        return True
    if tensor.kind == "f":
        return bool(np.abs(array).max() <= np.finfo(tensor.dtype).max)
    bounds = np.iinfo(tensor.dtype)
    return bool(array.min() >= bounds.min and array.max() <= bounds.max)
