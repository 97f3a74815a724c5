"""Trial of a graph on synthetic rows: models that do not load, and declared shapes that are wrong."""

import copy

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from registry.inspection.formats import onnx_trial
from registry.inspection.inspect_file import inspect
from tests.registry.factories import graph_bytes, onnx_bytes, with_external_data

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
HEAD = f"ONNX Runtime {onnxruntime.__version__}, which serves models here, cannot load it: "
value = helper.make_tensor_value_info
node = helper.make_node


@pytest.fixture
def tried(tmp_path):
    """`tried(content)` is the program's answer for a model.onnx of this content; `kept` are those before it."""

    def make(content, kept=None, **files):
        (tmp_path / "model.onnx").write_bytes(content)
        for name, other in files.items():
            (tmp_path / name).write_bytes(other)
        return inspect(tmp_path, "", lambda answer: (kept if kept is not None else []).append(copy.deepcopy(answer)))

    return make


def weights(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def shapes_of(answer):
    return {tensor["name"]: tensor["shape"] for tensor in answer["signature"]["outputs"]}


def test_valid_model_loads_and_answers(tried):
    answer = tried(onnx_bytes())
    runtime = {"name": "onnxruntime", "version": onnxruntime.__version__, "loads": True, "rows": [2, 3, 1], "note": ""}
    assert answer["facts"]["runtime"] == runtime
    assert answer["facts"]["warnings"] == []
    assert shapes_of(answer) == {"x_out": [-1, 4]}


# --- what the runtime refuses ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ir_version", "opset", "message"),
    [
        (14, 17, "IR 14; this runtime reads up to 13. In Python, set model.ir_version = 13, save it"),
        (13, 27, "opset 27 of ai.onnx; this runtime reads up to 26. In Python, export it for opset 26, save it"),
        (14, 28, "IR 14; this runtime reads up to 13, and opset 28 of ai.onnx; this runtime reads up to 26. In Python"),
    ],
)
def test_unsupported_onnx_version_is_reported(tried, ir_version, opset, message):
    answer = tried(onnx_bytes(ir_version=ir_version, opset=opset))
    assert answer["framework"] == "onnx"
    assert answer["facts"]["runtime"]["loads"] is False
    (warning,) = answer["facts"]["warnings"]
    assert warning.startswith(HEAD + message)


def bfloat16():
    x, y = value("x", TensorProto.BFLOAT16, ["n"]), value("y", FLOAT, ["n"])
    nodes = [node("Neg", ["x"], ["z"]), node("Cast", ["z"], ["y"], to=FLOAT)]
    return graph_bytes([x], [y], nodes)


def mixed_columns():
    x, z = value("x", INT64, ["n", 1]), value("z", FLOAT, ["n", 1])
    return graph_bytes([x, z], [value("y", FLOAT, ["n", 2])], [node("Concat", ["x", "z"], ["y"], axis=1)])


def double_trees():
    """A scaler of doubles before trees that take floats, as converters write it."""
    x, y = value("x", TensorProto.DOUBLE, ["n", 1]), value("y", FLOAT, ["n", 1])
    tree = {"nodes_treeids": [0], "nodes_nodeids": [0], "nodes_featureids": [0], "nodes_modes": ["LEAF"]}
    leaf = {"nodes_values": [0.0], "nodes_truenodeids": [0], "nodes_falsenodeids": [0]}
    target = {"target_treeids": [0], "target_nodeids": [0], "target_ids": [0], "target_weights": [1.0], "n_targets": 1}
    nodes = [
        node("Sub", ["x", "mean"], ["scaled"]),
        node("Concat", ["scaled", "more"], ["both"], axis=1),
        node("TreeEnsembleRegressor", ["both"], ["y"], domain="ai.onnx.ml", **tree, **leaf, **target),
    ]
    given = [weights("mean", np.zeros(1)), weights("more", np.zeros((1, 1), np.float32))]
    return graph_bytes([x], [y], nodes, initializer=given, opsets=[("", 17), ("ai.onnx.ml", 3)])


def uneven_trees():
    """Two trees of which one has the numbers of the other's nodes, as boosters with parallel trees are converted."""
    x, y = value("x", FLOAT, ["n", 1]), value("y", FLOAT, ["n", 1])
    tree = {"nodes_treeids": [0, 0], "nodes_nodeids": [0, 0], "nodes_featureids": [0, 0]}
    leaf = {"nodes_modes": ["LEAF", "LEAF"], "nodes_values": [0.0, 0.0]}
    ends = {"nodes_truenodeids": [0, 0], "nodes_falsenodeids": [0, 0]}
    target = {"target_treeids": [0], "target_nodeids": [0], "target_ids": [0], "target_weights": [1.0], "n_targets": 1}
    regressor = node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **tree, **leaf, **ends, **target)
    return graph_bytes([x], [y], [regressor], opsets=[("", 17), ("ai.onnx.ml", 3)])


@pytest.mark.parametrize(
    ("content", "sentence", "step"),
    [
        (bfloat16(), "Could not find an implementation for Neg(13)", "with other types, such as float32 for bfloat16"),
        (mixed_columns(), "Type Error: Type parameter (T) of Optype (Concat)", "each kind of column as an input"),
        (double_trees(), "Type Error: Type parameter (T) of Optype (Concat)", "with every number as float32"),
        (uneven_trees(), "Exception during initialization", "with another release of the converter"),
    ],
    ids=["bfloat16", "mixed columns", "double trees", "uneven trees"],
)
def test_model_that_passes_the_checker_and_does_not_load_is_a_warning(tried, content, sentence, step):
    answer = tried(content)
    assert answer["facts"]["runtime"]["loads"] is False
    warning = answer["facts"]["warnings"][-1]
    assert warning.startswith(HEAD + sentence)
    assert step in warning
    for text in (warning, answer["facts"]["runtime"]["note"]):
        assert "[ONNXRuntimeError]" not in text
        assert "/model.onnx" not in text


def test_unsupported_operators_are_reported_once(tried):
    content = graph_bytes([value("x", FLOAT, [1])], [value("y", FLOAT, [1])],
                          [node("Magic", ["x"], ["y"], domain="org.wizards")],
                          opsets=[("", 17), ("org.wizards", 1)])  # fmt: skip
    answer = tried(content)
    (warning,) = answer["facts"]["warnings"]
    assert warning.startswith("It uses operators of org.wizards, which a standard runtime lacks. Serve it with an ")


def test_weights_beside_the_graph_are_loaded(tried):
    answer = tried(with_external_data("w.bin"), **{"w.bin": bytes(48)})
    assert answer["facts"]["runtime"]["loads"] is True
    assert answer["facts"]["warnings"] == []


# --- what does not fit into the limits -------------------------------------------------------------


def test_model_larger_than_memory_is_not_tried(tried, monkeypatch):
    monkeypatch.setattr(onnx_trial, "free_bytes", lambda: 90 * 1024 * 1024)
    answer = tried(onnx_bytes())
    assert answer["facts"]["runtime"]["loads"] is None
    assert "SLIPWAY_INSPECTION_MEMORY_BYTES" in answer["facts"]["runtime"]["note"]
    assert answer["facts"]["warnings"] == []


def test_out_of_memory_while_loading_is_not_reported_as_a_model_error(tried, monkeypatch):
    def refuse(*_, **__):
        raise onnxruntime.capi.onnxruntime_pybind11_state.Fail("Load model from m.onnx failed:std::bad_alloc")

    monkeypatch.setattr(onnx_trial.onnxruntime, "InferenceSession", refuse)
    answer = tried(onnx_bytes())
    assert (answer["facts"]["runtime"]["loads"], answer["facts"]["warnings"]) == (None, [])


def test_findings_are_written_before_each_risky_step(tried):
    kept = []
    answer = tried(onnx_bytes(), kept)
    assert [one["facts"]["runtime"]["loads"] for one in kept] == [None, True, True]
    assert kept[0]["signature"] == answer["signature"]


def test_slow_trial_is_ended_and_the_signature_stays(tried, monkeypatch):
    monkeypatch.setattr(onnx_trial, "RUN_SECONDS", 0.05)
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Neg", ["a"], ["b"])],
        "body",
        [value("i", INT64, []), value("go", TensorProto.BOOL, []), value("a", FLOAT, [1])],
        [value("on", TensorProto.BOOL, []), value("b", FLOAT, [1])],
    )
    given = [weights("times", np.array(10**8)), weights("yes", np.array(True))]
    loop = node("Loop", ["times", "yes", "x"], ["y"], body=body)
    answer = tried(graph_bytes([value("x", FLOAT, [1])], [value("y", FLOAT, [7])], [loop], initializer=given))
    assert (answer["facts"]["runtime"]["loads"], answer["facts"]["runtime"]["rows"]) == (True, [])
    assert shapes_of(answer) == {"y": [7]}


# --- shapes ---------------------------------------------------------------------------------------


def test_wrong_declared_shapes_are_corrected(tried):
    """A label declared as one value for all rows, and two targets declared as one: what boosters' converters write."""
    nodes = [
        node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
        node("MatMul", ["x", "w"], ["targets"]),
        node("Neg", ["targets"], ["right"]),
    ]
    outputs = [value("label", INT64, [1]), value("targets", FLOAT, [None, 1]), value("right", FLOAT, ["n", 2])]
    given = [weights("w", np.ones((3, 2), np.float32))]
    answer = tried(graph_bytes([value("x", FLOAT, [None, 3])], outputs, nodes, initializer=given))
    assert shapes_of(answer) == {"label": [-1], "targets": [-1, 2], "right": [-1, 2]}
    assert answer["facts"]["declared_shapes"] == {"label": [1], "targets": [-1, 1]}


def test_declared_shapes_that_depend_on_input_values_are_kept(tried):
    """Made-up values are none that the model was declared for: k is 0 or 1 here, and the axis, too."""
    inputs = [value("x", FLOAT, [3, 4]), value("k", INT64, [1])]
    outputs = [value("top", FLOAT, [3, 3]), value("places", INT64, [3, 3])]
    answer = tried(graph_bytes(inputs, outputs, [node("TopK", ["x", "k"], ["top", "places"])]))
    assert shapes_of(answer) == {"top": [3, 3], "places": [3, 3]}


def test_dimensions_stay_dynamic_beside_integer_inputs(tried):
    inputs = [value("x", FLOAT, ["n", 3]), value("place", INT64, ["n"])]
    nodes = [node("Gather", ["x", "place"], ["y"], axis=1), node("Shape", ["y"], ["unused"])]
    answer = tried(graph_bytes(inputs, [value("y", FLOAT, [1])], nodes))
    assert shapes_of(answer) == {"y": [-1, -1]}


@pytest.mark.parametrize(
    ("inputs", "nodes", "declared", "right"),
    [
        # another free size may be what the answer's size comes from
        ([("x", FLOAT, ["n", "length"])], [node("Neg", ["x"], ["y"])], ["n", 7], [-1, -1]),
        # the values determine the size
        ([("x", FLOAT, ["n"])], [node("NonZero", ["x"], ["y"])], [1, 5], [1, -1]),
        # a dimension of the answer that is free in the file stays free
        ([("x", FLOAT, ["n", 3])], [node("ReduceMean", ["x"], ["y"], axes=[0])], ["k", 3], [-1, 3]),
        # another rank
        ([("x", FLOAT, ["n", 3])], [node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=0)], ["n", 3], [-1]),
    ],
)
def test_only_dimensions_that_runs_contradict_are_corrected(tried, inputs, nodes, declared, right):
    kind = INT64 if nodes[0].op_type == "NonZero" else FLOAT
    answer = tried(graph_bytes([value(*one) for one in inputs], [value("y", kind, declared)], nodes))
    assert shapes_of(answer) == {"y": right}


def test_model_that_rejects_synthetic_rows_keeps_its_shapes(tried):
    nodes = [node("Reshape", ["x", "shape"], ["y"])]
    given = [weights("shape", np.array([1, 3]))]
    answer = tried(graph_bytes([value("x", FLOAT, ["n", 3])], [value("y", FLOAT, [1, 3])], nodes, initializer=given))
    assert shapes_of(answer) == {"y": [1, 3]}
    assert "declared_shapes" not in answer["facts"]
    assert answer["facts"]["warnings"] == []


def test_strings_booleans_and_maps_are_synthesized(tried):
    maps = helper.make_map_type_proto(INT64, helper.make_tensor_type_proto(FLOAT, None))
    nodes = [
        node("Identity", ["t"], ["u"]),
        node("Not", ["f"], ["g"]),
        node("ZipMap", ["x"], ["z"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
    ]
    inputs = [value("t", TensorProto.STRING, ["n"]), value("f", TensorProto.BOOL, ["n"]), value("x", FLOAT, ["n", 2])]
    outputs = [value("u", TensorProto.STRING, [1]), value("g", TensorProto.BOOL, [4, 4])]
    outputs.append(helper.make_value_info("z", helper.make_sequence_type_proto(maps)))
    answer = tried(graph_bytes(inputs, outputs, nodes, opsets=[("", 17), ("ai.onnx.ml", 3)]))
    assert shapes_of(answer) == {"u": [-1], "g": [-1], "z": [-1, -1]}
