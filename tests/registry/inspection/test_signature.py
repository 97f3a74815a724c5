"""Signatures as values, and example requests for them."""

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


def test_signature_round_trips_through_json():
    assert stored(read(IRIS)) == IRIS
    assert read(IRIS).inputs == [TensorSpec("x", "FP32", [-1, 4])]


def test_example_uses_one_for_dynamic_dimensions():
    assert example(IRIS) == {
        "inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [0.0, 0.0, 0.0, 0.0]}]
    }


def test_example_omits_optional_inputs():
    signature = Signature([TensorSpec("x", "FP32", [2]), TensorSpec("alpha", "FP32", [], optional=True)])
    assert [tensor["name"] for tensor in example(signature)["inputs"]] == ["x"]


def test_example_has_strings_and_booleans():
    signature = Signature([TensorSpec("t", "BYTES", [2]), TensorSpec("f", "BOOL", []), TensorSpec("n", "INT64", [-1])])
    assert [tensor["data"] for tensor in example(signature)["inputs"]] == [["text", "text"], [False], [0]]
    assert [tensor["shape"] for tensor in example(signature)["inputs"]] == [[2], [], [1]]


def test_text_of_a_tensor_shows_name_datatype_and_shape():
    assert describe(IRIS) == {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": "any × 4"}],
        "outputs": [{"name": "label", "datatype": "INT64", "shape": "any"}],
    }
    assert describe(Signature([TensorSpec("n", "INT64", [])]))["inputs"][0]["shape"] == "single value"
    assert describe(None) == {"inputs": [], "outputs": []}


def test_only_datatypes_of_the_protocol_can_be_sent():
    assert TensorSpec("x", "FP16", [1]).travels
    assert not TensorSpec("x", "SEQUENCE", [-1]).travels
    assert not TensorSpec("x", "BF16", [-1]).travels


shapes = st.lists(st.integers(-1, 4).filter(bool), max_size=4)
specs = st.builds(TensorSpec, st.text(min_size=1, max_size=8), st.sampled_from(sorted(DATATYPES)), shapes)


@given(st.lists(specs, max_size=4))
def test_example_has_as_many_values_as_its_shape(inputs):
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
