"""MLServer's types, codecs and gRPC stubs as clients."""

import pytest
from onnx import helper

from tests.scoring.clients import told_to
from tests.scoring.conftest import KINDS, double_model, free_port, save


def columns_model(**kinds):
    """Gives columns of these datatypes back as they came: `in_FP32` as `out_FP32`, `age` as `age_out`."""

    def make(path):
        pairs = {name: name.replace("in_", "out_") if "in_" in name else f"{name}_out" for name in kinds}
        inputs = [helper.make_tensor_value_info(name, KINDS[kind], ["n", 1]) for name, kind in kinds.items()]
        outputs = [helper.make_tensor_value_info(pairs[name], KINDS[kind], ["n", 1]) for name, kind in kinds.items()]
        return save(path, [helper.make_node("Identity", [old], [new]) for old, new in pairs.items()], inputs, outputs)

    return make


def lone_model(path):
    """Its input has the name that MLServer gives a lone one."""
    x, y = (helper.make_tensor_value_info(name, KINDS["FP32"], ["n", 4]) for name in ("input-1", "output-1"))
    return save(path, [helper.make_node("Identity", ["input-1"], ["output-1"])], [x], [y])


EVERY = {f"in_{kind}": kind for kind in KINDS}
MODELS = {
    "double": double_model,
    "lone": lone_model,
    "frame": columns_model(age="FP64", visits="INT64", name="BYTES"),
    "kinds": columns_model(**EVERY),
    "kinds but halves": columns_model(**{name: kind for name, kind in EVERY.items() if kind != "FP16"}),
}
WAYS = ("http", "grpc", "raw grpc")
anyway = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module")
def told(shared_replica):
    port = free_port()
    shared_replica.with_models(**MODELS).start(grpc_port=port)
    return told_to("mlserver", shared_replica, port)


@anyway
def test_metadata_is_what_its_types_expect(told, way):
    assert told[way]["server"] == {
        "name": "slipway", "version": "2",
        "extensions": ["binary_tensor_data", "model_configuration", "statistics"],
    }  # fmt: skip
    assert told[way]["model"] == {
        "name": "double", "versions": ["1"], "platform": "onnxruntime_onnx",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 4]}],
    }  # fmt: skip


def test_the_repository_lists_the_models(told):
    assert told["http"]["index"] == sorted(MODELS)


@anyway
def test_an_array_is_encoded_and_the_answer_decoded(told, way):
    assert told[way]["array"] == [[2.0, 4.0, 6.0, 8.0], [10.0, 12.0, 14.0, 16.0]]


@anyway
def test_a_request_made_of_one_array_is_answered(told, way):
    assert told[way]["request"] == [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]


@anyway
def test_a_data_frame_goes_in_and_the_chosen_columns_come_back(told, way):
    assert told[way]["frame"] == {
        "model": "frame", "version": "1", "id": "a request",
        "frame": {"name_out": ["Ada", "Gül"], "age_out": [30.5, 41.0]},
    }  # fmt: skip


@anyway
def test_every_datatype_comes_back_as_it_was_sent(told, way):
    halves = set() if way != "grpc" else {"FP16"}  # these have no typed contents
    assert set(told[way]["kinds"]) == set(KINDS) - halves


@anyway
def test_a_refusal_reaches_the_caller_in_plain_words(told, way):
    wrong, unknown = (400, 404) if way == "http" else ("INVALID_ARGUMENT", "NOT_FOUND")
    assert told[way]["wrong input"] == [wrong, "the model has no input 'z'; it takes x (FP32, [any, 4])"]
    assert told[way]["unknown model"][0] == unknown
    assert "There is no model other here" in told[way]["unknown model"][1]
