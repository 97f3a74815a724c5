"""Versions that are ONNX: which rows they are asked, and what their variants do."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from registry.conversion.inside.onnx_models import OnnxModel
from registry.conversion.inside.original import Refused
from registry.conversion.inside.rows import BadRows
from registry.conversion.inside.study import Study
from registry.conversion.inside.verdicts import Gates
from registry.conversion.outcome import Outcome
from registry.conversion.variant_names import OPTIMISING
from tests.registry.factories import graph_bytes

FLOAT, TEXT, WHOLE = TensorProto.FLOAT, TensorProto.STRING, TensorProto.INT64
value = helper.make_tensor_value_info
DICE = np.random.default_rng(0)


def weights(name, *shape):
    return numpy_helper.from_array(DICE.normal(size=shape).astype(np.float32), name)


def network(rows=None):
    """Two products and a Relu: 8 numbers to 4."""
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Identity", ["r"], ["i"]),
        helper.make_node("MatMul", ["i", "b"], ["y"]),
    ]
    tensors = [weights("a", 8, 64), weights("b", 64, 4)]
    return graph_bytes([value("x", FLOAT, [rows, 8])], [value("y", FLOAT, [rows, 4])], nodes, initializer=tensors)


@pytest.fixture
def opened(tmp_path):
    def make(content):
        (tmp_path / "model.onnx").write_bytes(content)
        return OnnxModel(tmp_path / "model.onnx")

    return make


@pytest.fixture
def optimised(opened, tmp_path):
    """`optimised(bytes)` is each variant as it is judged."""

    def run(content, own=None):
        model, out, found = opened(content), tmp_path / "out", Outcome()
        out.mkdir()
        read = None if own is None else model.read(own)
        Study(model, read, None, out, found.add, {}).run(OPTIMISING)
        return {one["name"]: one for one in found.judged(Gates())}

    return run


def test_every_variant_of_a_network_is_measured_or_says_why_not(optimised):
    found = optimised(network())
    assert set(found) == set(OPTIMISING)
    for name in ("float16", "int8-dynamic", "int8-static"):
        assert found[name]["one"], found[name]
        assert found[name]["facts"]["size"] < len(network())
    for one in found.values():
        assert one["reason"]
    assert any(group["kind"].startswith("rows asked alone") for group in found["int8-dynamic"]["facts"]["groups"])


def test_one_row_does_not_calibrate(optimised):
    found = optimised(network(), own={"f0": [1], "f1": [1], **{f"f{at}": [0] for at in range(2, 8)}})
    assert found["int8-static"]["reason"] == "Needs at least 100 rows to calibrate, there are 1."


def test_calibration_rows_of_another_width_are_refused(opened):
    with pytest.raises(BadRows, match="have 2 columns"):
        opened(network()).read({"a": [1], "b": [2]})


def test_a_fixed_number_of_rows_is_kept(optimised):
    found = optimised(network(rows=2))
    assert {one["verdict"] for one in found.values()} <= {"recommended", "works", "slower", "refused", "not tried"}


def test_two_hundred_outputs_are_all_compared(opened):
    names = [f"y{at}" for at in range(200)]
    nodes = [helper.make_node("Identity", ["x"], [name]) for name in names]
    model = opened(
        graph_bytes([value("x", FLOAT, [None, 3])], [value(name, FLOAT, [None, 3]) for name in names], nodes)
    )
    assert len(model.ask(model.draw(5))) == 200


def test_free_dimensions_get_a_size(opened):
    node = helper.make_node("Relu", ["x"], ["y"])
    model = opened(graph_bytes([value("x", FLOAT, ["n", "t", 5])], [value("y", FLOAT, ["n", "t", 5])], [node]))
    assert model.draw(10)["x"].shape == (10, 8, 5)


def test_texts_and_places_in_a_table_are_made_up(opened):
    nodes = [helper.make_node("Gather", ["a", "x"], ["g"]), helper.make_node("Identity", ["t"], ["u"])]
    inputs = [value("x", WHOLE, [None]), value("t", TEXT, [None, 1])]
    outputs = [value("g", FLOAT, [None, 4]), value("u", TEXT, [None, 1])]
    model = opened(graph_bytes(inputs, outputs, nodes, initializer=[weights("a", 2, 4)]))
    answers = model.ask(model.draw(6))
    assert (answers["g"].shape, answers["u"].shape) == ((6, 4), (6, 1))


def test_maps_are_compared_as_a_matrix(opened):
    node = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2])
    kind = helper.make_map_type_proto(WHOLE, helper.make_tensor_type_proto(FLOAT, None))
    output = helper.make_value_info("y", helper.make_sequence_type_proto(kind))
    content = graph_bytes([value("x", FLOAT, [None, 3])], [output], [node], opsets=(("", 17), ("ai.onnx.ml", 3)))
    assert opened(content).ask({"x": np.eye(3)})["y"].shape == (3, 3)


def test_sequences_as_inputs_are_refused(opened):
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(FLOAT, None))
    node = helper.make_node("SequenceAt", ["s", "i"], ["y"])
    content = graph_bytes([helper.make_value_info("s", kind), value("i", WHOLE, [])], [value("y", FLOAT, None)], [node])
    with pytest.raises(Refused, match="no rows to try"):
        opened(content)


def test_a_file_that_does_not_load_is_refused(opened):
    with pytest.raises(Refused, match="does not load"):
        opened(graph_bytes([value("x", FLOAT, [None, 3])], [], [helper.make_node("Nothing", ["x"], ["y"])]))


def test_64_bits_are_not_quantized_in_silence(optimised):
    tensor = numpy_helper.from_array(DICE.normal(size=(8, 4)), "a")
    node = helper.make_node("MatMul", ["x", "a"], ["y"])
    double = TensorProto.DOUBLE
    content = graph_bytes(
        [value("x", double, [None, 8])], [value("y", double, [None, 4])], [node], initializer=[tensor]
    )
    found = optimised(content)
    assert found["int8-dynamic"]["verdict"] in {"not tried", "failed"}
    assert found["float16"]["verdict"] == "not tried"


def test_half_precision_of_a_value_that_two_single_precision_operators_take_loads(optimised):
    """onnxruntime 1.31.1 casts it twice, under one name (findings/onnxruntime-float16-repeated-casts.sh)."""
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"], "product"),
        helper.make_node("ArrayFeatureExtractor", ["h", "first"], ["y"], "take_y", domain="ai.onnx.ml"),
        helper.make_node("ArrayFeatureExtractor", ["h", "second"], ["z"], "take_z", domain="ai.onnx.ml"),
    ]
    columns = [numpy_helper.from_array(np.array([at]), name) for at, name in enumerate(("first", "second"))]
    outputs = [value("y", FLOAT, [None, 1]), value("z", FLOAT, [None, 1])]
    tensors = [weights("a", 8, 64), *columns]
    opsets = (("", 17), ("ai.onnx.ml", 3))
    content = graph_bytes([value("x", FLOAT, [None, 8])], outputs, nodes, initializer=tensors, opsets=opsets)
    half = optimised(content)["float16"]
    assert half["verdict"] != "failed", half["reason"]
    assert 0 < half["largest"] < 0.01
