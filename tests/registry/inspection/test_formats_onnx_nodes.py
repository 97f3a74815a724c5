"""The graph of an ONNX file: nodes, wiring, shapes and initialisers, as pages draw them."""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from registry.inspection.formats import onnx_nodes, onnx_shapes
from registry.inspection.graph import read
from registry.inspection.inspect_file import inspect
from tests.registry.factories import graph_bytes, onnx_bytes, with_external_data

FLOAT = TensorProto.FLOAT
value = helper.make_tensor_value_info
node = helper.make_node
X = value("x", FLOAT, ["batch", 4])
Y = value("y", FLOAT, [None, None])


@pytest.fixture
def graph_in(tmp_path):
    """`graph_in(content)` is the graph that an inspection finds in a model.onnx of this content."""

    def make(content, **files):
        (tmp_path / "model.onnx").write_bytes(content)
        for name, other in files.items():
            (tmp_path / name).write_bytes(other)
        return read(inspect(tmp_path, "")["graph"])

    return make


def weights(name, *shape):
    return numpy_helper.from_array(np.zeros(shape, np.float32), name)


def tensor_of(graph, name):
    return next(each for each in graph.tensors if each.name == name)


def names(graph, places):
    return [graph.tensors[place].name for place in places]


def two_branches():
    nodes = [
        node("MatMul", ["x", "w"], ["scaled"], name="scale"),
        node("Relu", ["scaled"], ["left"]),
        node("Softmax", ["scaled"], ["right"], axis=-1),
        node("Add", ["left", "right"], ["y"]),
    ]
    return graph_bytes([X], [Y], nodes, initializer=[weights("w", 4, 3)])


def test_nodes_are_wired_by_their_tensors(graph_in):
    graph = graph_in(two_branches())
    assert [(each.op, each.name) for each in graph.nodes] == [
        ("MatMul", "scale"),
        ("Relu", ""),
        ("Softmax", ""),
        ("Add", ""),
    ]
    assert names(graph, graph.nodes[3].inputs) == ["left", "right"]
    assert names(graph, graph.inputs) == ["x"]
    assert names(graph, graph.outputs) == ["y"]
    assert graph.nodes[2].attributes == {"axis": "-1"}
    assert graph.total == 4


def test_shapes_that_the_file_does_not_state_are_inferred(graph_in):
    graph = graph_in(two_branches())
    assert graph.shapes == "inferred"
    assert tensor_of(graph, "x").shape == ["batch", 4]
    assert tensor_of(graph, "scaled").shape == ["batch", 3]
    assert tensor_of(graph, "scaled").datatype == "FP32"
    assert tensor_of(graph, "y").shape == ["batch", 3]


def test_initialisers_have_shape_type_and_bytes(graph_in):
    weight = tensor_of(graph_in(two_branches()), "w")
    assert (weight.shape, weight.datatype, weight.size) == ([4, 3], "FP32", 48)


def test_shape_follows_from_a_small_initialiser(graph_in):
    shape = numpy_helper.from_array(np.array([2, -1], np.int64), "shape")
    flat = [value("x", FLOAT, [4, 3])], [Y]
    graph = graph_in(graph_bytes(*flat, [node("Reshape", ["x", "shape"], ["y"])], initializer=[shape]))
    assert tensor_of(graph, "y").shape == [2, 6]


def test_shapes_follow_from_large_weights_without_reading_them(graph_in):
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])]
    content = graph_bytes([X], [Y], nodes, initializer=[weights("w", 4, 5000)])
    graph = graph_in(content)
    assert tensor_of(graph, "h").shape == ["batch", 5000]
    assert tensor_of(graph, "w").size == 80_000


def test_weights_in_another_file_are_initialisers_too(graph_in):
    graph = graph_in(with_external_data("w.bin"), **{"w.bin": bytes(48)})
    assert tensor_of(graph, "w").size == 48
    assert tensor_of(graph, "y").shape == [None, 3]


def test_contradictory_shapes_leave_what_the_file_states(tmp_path):
    nodes = [node("Relu", ["x"], ["h"]), node("MatMul", ["h", "w"], ["y"])]
    content = graph_bytes([X], [value("y", FLOAT, [9])], nodes, initializer=[weights("w", 5, 3)])
    (tmp_path / "model.onnx").write_bytes(content)
    graph = read(inspect(tmp_path, "")["graph"])
    assert tensor_of(graph, "x").shape == ["batch", 4]
    assert tensor_of(graph, "y").shape == [9]


def test_a_branch_is_counted_and_not_mixed_with_the_main_graph(graph_in):
    def branch(op):
        return helper.make_graph(
            [node(op, ["x"], ["b"]), node("Neg", ["b"], ["c"])], op, [], [value("c", FLOAT, [None, None])]
        )

    nodes = [node("If", ["condition"], ["y"], then_branch=branch("Relu"), else_branch=branch("Abs"))]
    inputs = [X, value("condition", TensorProto.BOOL, [])]
    graph = graph_in(graph_bytes(inputs, [Y], nodes))
    assert [each.op for each in graph.nodes] == ["If"]
    assert graph.nodes[0].subgraphs == {"then_branch": 2, "else_branch": 2}
    assert graph.nodes[0].attributes["then_branch"] == "graph of 2 nodes"


def test_a_node_with_200_outputs_keeps_them_in_order(graph_in):
    parts = [f"part{index}" for index in range(200)]
    split = node("Split", ["x"], parts, axis=1, num_outputs=200)
    wide = value("x", FLOAT, ["batch", 400])
    graph = graph_in(
        graph_bytes([wide], [value(part, FLOAT, [None, None]) for part in parts], [split], opsets=[("", 18)])
    )
    assert names(graph, graph.nodes[0].outputs) == parts
    assert tensor_of(graph, "part199").shape == ["batch", 2]


def test_an_omitted_input_is_none_of_the_tensors(graph_in):
    graph = graph_in(
        graph_bytes(
            [X],
            [Y],
            [node("Clip", ["x", "", "top"], ["y"])],
            initializer=[numpy_helper.from_array(np.float32(1), "top")],
        )
    )
    assert graph.nodes[0].inputs[1] == -1


def test_names_that_are_cut_alike_stay_two_tensors(graph_in):
    first, second = "n" * 300 + "1", "n" * 300 + "2"
    nodes = [node("Relu", ["x"], [first]), node("Abs", ["x"], [second]), node("Add", [first, second], ["y"])]
    graph = graph_in(graph_bytes([X], [Y], nodes))
    left, right = graph.nodes[2].inputs
    assert left != right
    assert len(graph.tensors[left].name) == 200


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ({"ints": [1, 2]}, "[1, 2]"),
        ({"ints": list(range(100))}, "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, … (100)]"),
        ({"number": 0.5}, "0.5"),
        ({"text": "same"}, "same"),
        ({"tensor": numpy_helper.from_array(np.zeros((2, 3), np.float32))}, "tensor of FP32 [2, 3]"),
    ],
)
def test_attributes_are_short_texts(attribute, text):
    model = helper.make_model(helper.make_graph([node("Op", ["x"], ["y"], **attribute)], "g", [X], []))
    assert list(onnx_nodes.graph_of(model)["nodes"][0]["attributes"].values()) == [text]


def test_a_graph_beyond_the_limit_is_cut_after_whole_nodes(monkeypatch):
    monkeypatch.setattr(onnx_nodes, "MAX_CHARACTERS", 10_000)
    nodes = [node("Relu", [f"t{index}"], [f"t{index + 1}"]) for index in range(500)]
    found = onnx_nodes.graph_of(helper.make_model(helper.make_graph(nodes, "g", [value("t0", FLOAT, [1])], [])))
    graph = read(found)
    assert 10 < len(graph.nodes) < 100
    assert graph.total == 500
    assert len(json.dumps(found)) < 10_000


def test_what_is_found_is_kept_before_shapes_are_inferred(tmp_path):
    (tmp_path / "model.onnx").write_bytes(onnx_bytes())
    kept = []
    inspect(tmp_path, "", lambda answer: kept.append(json.dumps(answer)))
    assert json.loads(kept[-1])["graph"]["shapes"] == "unfinished"


def test_a_file_that_is_too_large_keeps_the_stated_shapes(graph_in, monkeypatch):
    monkeypatch.setattr(onnx_shapes, "MAX_BYTES", 10)
    assert graph_in(two_branches()).shapes == "stated"
