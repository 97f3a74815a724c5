"""Signatures as values, and requests that fit them."""

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from registry.inspection.signature import DATATYPES, Signature, TensorSpec, describe, example, read, stored
from tests.registry.factories import onnx_bytes

IRIS = {
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
    "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1]}],
}


def test_a_signature_survives_being_stored():
    assert stored(read(IRIS)) == IRIS
    assert read(IRIS).inputs == [TensorSpec("x", "FP32", [-1, 4])]


def test_the_example_takes_one_of_whatever_is_open():
    assert example(IRIS) == {
        "inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [0.0, 0.0, 0.0, 0.0]}]
    }


def test_the_example_leaves_out_what_has_a_default():
    signature = Signature([TensorSpec("x", "FP32", [2]), TensorSpec("alpha", "FP32", [], optional=True)])
    assert [tensor["name"] for tensor in example(signature)["inputs"]] == ["x"]


def test_texts_and_flags_have_values_of_their_kind():
    signature = Signature([TensorSpec("t", "BYTES", [2]), TensorSpec("f", "BOOL", []), TensorSpec("n", "INT64", [-1])])
    assert [tensor["data"] for tensor in example(signature)["inputs"]] == [["text", "text"], [False], [0]]
    assert [tensor["shape"] for tensor in example(signature)["inputs"]] == [[2], [], [1]]


def test_people_read_names_types_and_shapes():
    assert describe(IRIS) == {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": "any × 4"}],
        "outputs": [{"name": "label", "datatype": "INT64", "shape": "any"}],
    }
    assert describe(Signature([TensorSpec("n", "INT64", [])]))["inputs"][0]["shape"] == "single value"
    assert describe(None) == {"inputs": [], "outputs": []}


def test_only_the_protocols_datatypes_travel():
    assert TensorSpec("x", "FP16", [1]).travels
    assert not TensorSpec("x", "SEQUENCE", [-1]).travels
    assert not TensorSpec("x", "BF16", [-1]).travels


shapes = st.lists(st.integers(-1, 4).filter(bool), max_size=4)
specs = st.builds(TensorSpec, st.text(min_size=1, max_size=8), st.sampled_from(sorted(DATATYPES)), shapes)


@given(st.lists(specs, max_size=4))
def test_an_example_always_has_as_many_values_as_its_shape(inputs):
    for tensor in example(Signature(inputs))["inputs"]:
        assert len(tensor["data"]) == int(np.prod(tensor["shape"], dtype=int))


@pytest.mark.parametrize(
    ("kind", "datatype", "dtype"),
    [
        (TensorProto.FLOAT, "FP32", np.float32),
        (TensorProto.INT64, "INT64", np.int64),
        (TensorProto.STRING, "BYTES", object),
        (TensorProto.BOOL, "BOOL", bool),
    ],
)
def test_onnx_runtime_accepts_the_example(kind, datatype, dtype):
    session = onnxruntime.InferenceSession(onnx_bytes([("x", kind, ["batch", 3])]))
    tensor = example(Signature([TensorSpec("x", datatype, [-1, 3])]))["inputs"][0]
    values = np.array(tensor["data"], dtype).reshape(tensor["shape"])
    assert session.run(None, {"x": values})[0].tolist() == values.tolist()
