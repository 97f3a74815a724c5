"""Large bodies are read by a faster parser, with the results of the strict one."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.core.errors import ScoringError
from scoring.core.tensors import Tensor
from scoring.forms import json_bodies

ROOM = " " * json_bodies.LARGE_BYTES
INPUTS = {
    "x": Tensor("x", "FP32", (-1, 2)),
    "n": Tensor("n", "INT8", (-1,)),
    "big": Tensor("big", "UINT64", (-1,)),
    "yes": Tensor("yes", "BOOL", (-1,)),
    "text": Tensor("text", "BYTES", (-1,)),
}


def tensor(name: str, data: str, shape: str = "[2]", **more: str) -> str:
    members = {"name": f'"{name}"', "shape": shape, "datatype": f'"{INPUTS[name].datatype}"', "data": data, **more}
    return "{" + ", ".join(f'"{key}": {value}' for key, value in members.items()) + "}"


def body(*tensors: str, before: str = "", after: str = "") -> bytes:
    return f'{{{before}"inputs": [{", ".join(tensors)}]{after}{ROOM}}}'.encode()


X, N, BIG = tensor("x", "[1, 2.5]", "[1, 2]"), tensor("n", "[-128, 127]"), tensor("big", "[0, 18446744073709551615]")
YES, TEXT = tensor("yes", "[true, false]"), tensor("text", '["[", "ü"]')


def read(raw: bytes):
    """What a request asks, its tensors as types, shapes and values; or the error."""
    inputs = {name: one for name, one in INPUTS.items() if f'"{name}"'.encode() in raw}
    try:
        envelope, quick = json_bodies.read_body(raw, inputs)
        with np.errstate(over="raise"):  # as while requests are decoded
            feed = json_bodies.feed_of(envelope, inputs, quick)
    except ScoringError as error:
        return error.status, error.code, str(error)
    asked = envelope.id, envelope.parameters, envelope.outputs
    return asked, {name: (array.dtype, array.shape, repr(array.tolist())) for name, array in feed.items()}


def read_strictly(raw: bytes):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_bodies, "simdjson", None)
        return read(raw)


USUAL = {
    "one": body(X),
    "several": body(X, N, BIG),
    "beside other kinds": body(X, YES, TEXT),
    "with all that may stand there": body(
        tensor("x", "[1e-3, -0.0]", "[1, 2]", parameters='{"a": [[1], {"b": [2]}]}'),
        before='"id": "[7", "parameters": {"binary_data_output": false, "list": [1, [2]]}, ',
        after=', "outputs": [{"name": "y", "parameters": {"binary_data": true}}, {"name": "[z]"}]',
    ),
    "no rows": body(tensor("x", "[]", "[0, 2]")),
    "spaces everywhere": body('\n{ "data" :\t[ 1 ,\r\n2 ] , "datatype":"FP32","shape" : [ 1 , 2 ],"name":"x" }'),
}
UNUSUAL = {
    "nested": body(tensor("x", "[[1, 2], [3, 4]]", "[2, 2]")),
    "nested otherwise": body(tensor("x", "[[1], [2], [3], [4]]", "[2, 2]")),
    "partly nested": body(tensor("n", "[1, [2]]")),
    "nested where flat is meant": body(tensor("n", "[[1], [2]]")),
    "too few": body(tensor("x", "[1, 2, 3]", "[2, 2]")),
    "too many": body(tensor("x", "[1, 2, 3]", "[1, 2]")),
    "a shape that the model does not take": body(tensor("x", "[1, 2, 3]", "[1, 3]")),
    "a negative shape": body(tensor("n", "[1, 2]", "[-1]")),
    "a shape of another kind": body(tensor("n", "[1, 2]", '["2"]')),
    "a huge shape": body(tensor("x", "[1, 2]", "[4611686018427387904, 2]")),
    "null": body(tensor("x", "[1, null]", "[1, 2]")),
    "no list": body(tensor("n", "5", "[1]")),
    "an object": body(tensor("n", '{"0": 1}', "[1]")),
    "text for numbers": body(tensor("x", '["1", "2"]', "[1, 2]")),
    "true for a number": body(tensor("n", "[true, 1]")),
    "a fraction for a whole number": body(tensor("n", "[1.5, 1]")),
    "too large for its type": body(tensor("n", "[1, 128]")),
    "too small for its type": body(tensor("n", "[1, -129]")),
    "too large for single precision": body(tensor("x", "[1, 1e39]", "[1, 2]")),
    "too large for any number": body(tensor("x", "[1, 1e999]", "[1, 2]")),
    "too large for 64 bits": body(tensor("big", "[0, 18446744073709551616]")),
    "less than nothing": body(tensor("big", "[0, -1]")),
    "not a number": body(tensor("x", "[1, NaN]", "[1, 2]")),
    "no values": body('{"name": "x", "shape": [1, 2], "datatype": "FP32"}'),
    "no name": body('{"shape": [1, 2], "datatype": "FP32", "data": [1, 2]}'),
    "another name": body(X.replace('"x"', '"x", "also": "y"').replace('"name": "x"', '"name": "y"')),
    "another datatype": body(X.replace("FP32", "FP64")),
    "twice the same input": body(X, X),
    "twice the same member": body(X.replace('"data"', '"data": [3, 4], "data"')),
    "twice the same name": body(X.replace('"name"', '"name": "n", "name"')),
    "twice the inputs": body(X, after=f', "inputs": [{N}]'),
    "no inputs": body(),
    "inputs of another kind": b'{"inputs": {"x": 1}' + ROOM.encode() + b"}",
    "inputs of numbers": b'{"inputs": [1, "x", null, []]' + ROOM.encode() + b"}",
    "inputs after all else": body(X, before=f'"id": "a"{ROOM}, '),
    "a list": b"[" + body(X) + b"]",
    "a number": b'5                         "inputs"' + ROOM.encode(),
    "nothing but room": ROOM.encode(),
    "a mark of the order of bytes": b"\xef\xbb\xbf" + body(X),
    "more behind it": body(X) + b"x",
    "cut off": body(X)[:-1],
    "not UTF-8": body(tensor("text", '["a", "b"]')).replace(b'"a"', b'"\xff"'),
    "a bracket in other words": body(X, TEXT.replace('"["', '"\\u005b"')),
    "half a character": body(X, TEXT.replace("ü", "\\ud800")),
    "an id of another kind": body(X, after=', "id": 5'),
    "deep": body(X, after=', "parameters": {"a": ' + "[" * 2000 + "]" * 2000 + "}"),
    "deep values": body(tensor("x", "[" * 2000 + "1" + "]" * 2000, "[1, 2]")),
}  # fmt: skip


@pytest.mark.parametrize("raw", USUAL.values(), ids=USUAL)
def test_fast_parser_reads_usual_bodies_like_the_strict_one(raw):
    inputs = {name: one for name, one in INPUTS.items() if f'"{name}"'.encode() in raw}
    _, quick = json_bodies.read_body(raw, inputs)
    assert set(quick) == set(inputs) - {"yes", "text"}
    assert read(raw) == read_strictly(raw)


@pytest.mark.parametrize("raw", UNUSUAL.values(), ids=UNUSUAL)
def test_fast_parser_leaves_unusual_bodies_to_the_strict_one(raw):
    assert read(raw) == read_strictly(raw)


numbers = st.one_of(st.integers(-300, 300), st.integers(), st.floats(allow_nan=False), st.booleans(), st.none())
values = st.recursive(numbers | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=6)
tensors = st.fixed_dictionaries(
    {"name": st.sampled_from([*INPUTS, "other"])},
    optional={
        "shape": st.one_of(st.lists(st.integers(-1, 3), max_size=3), values),
        "datatype": st.sampled_from([one.datatype for one in INPUTS.values()]),
        "data": st.one_of(st.lists(st.integers(0, 9), max_size=4), st.lists(st.floats(width=32)), values),
        "parameters": values,
    },
)


@given(st.lists(tensors, max_size=3), st.dictionaries(st.sampled_from(["id", "parameters", "outputs"]), values))
def test_fast_and_strict_parser_agree_on_any_body(given_tensors, more):
    raw = json.dumps({"inputs": given_tensors, **more}).encode() + ROOM.encode()
    assert read(raw) == read_strictly(raw)


def test_fast_parser_reads_many_rows_exactly():
    rows = np.random.default_rng(0).standard_normal([5000, 2]).astype(np.float32)
    raw = json.dumps({"inputs": [{"name": "x", "shape": [5000, 2], "datatype": "FP32", "data": rows.ravel().tolist()}]})
    _, quick = json_bodies.read_body(raw.encode(), {"x": INPUTS["x"]})
    assert np.array_equal(quick["x"], rows)
    assert quick["x"].dtype == np.float32
