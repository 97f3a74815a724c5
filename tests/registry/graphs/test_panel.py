"""What the panel beside the drawing says of one box."""

import pytest

from registry.graphs.costs import Costs
from registry.graphs.panel import Argument, Link, panel_of
from registry.inspection.graph import Tensor
from tests.registry.graphs.graphs import chain_of, graph_of

SHAPE = "FP32 [batch, 4]"


def test_a_node_says_where_its_tensors_come_from_and_go():
    panel = panel_of(chain_of("Conv", "Relu"), "0")
    assert (panel.title, panel.name, panel.domain) == ("Conv", "conv_0", "ai.onnx")
    assert panel.inputs == [Argument("x", SHAPE, [Link("i0", "input")])]
    assert panel.outputs == [Argument("t1", SHAPE, [Link("1", "Relu")])]


def test_initialisers_and_omitted_inputs_are_told_apart():
    graph = chain_of("Conv")
    graph.tensors.append(Tensor("w", "FP32", [4, 3], 48))
    graph.nodes[0].inputs += [-1, 2]
    assert panel_of(graph, "0").inputs[1:] == [Argument("", "left out"), Argument("w", "FP32 [4, 3]", [], 48)]


def test_attributes_are_sorted_and_cost_is_a_share():
    graph = chain_of("Conv")
    graph.nodes[0].attributes = {"strides": "[1, 1]", "group": "1"}
    panel = panel_of(graph, "0", measured=Costs({"conv_0": 0.25}, {"conv_0": "CPUExecutionProvider"}))
    assert panel.attributes == [("group", "1"), ("strides", "[1, 1]")]
    assert (panel.percent, panel.provider) == (25.0, "CPUExecutionProvider")


def test_inputs_and_outputs_have_panels_too():
    graph = chain_of("Conv", "Relu")
    assert panel_of(graph, "i0").outputs == [Argument("x", SHAPE, [Link("0", "Conv")])]
    assert panel_of(graph, "o0").inputs == [Argument("y", SHAPE, [Link("1", "Relu")])]


def test_users_of_one_tensor_are_linked_up_to_a_number():
    graph = graph_of(*[("Neg", "x", f"n{index}") for index in range(50)])
    [argument] = panel_of(graph, "i0").outputs
    assert (len(argument.links), argument.more) == (20, 30)


@pytest.mark.parametrize("key", ["7", "i7", "o7", "", "i", "x", "-1", "1" * 30, "²", "<b>"])
def test_what_is_not_there_has_no_panel(key):
    assert panel_of(chain_of("Conv"), key) is None
