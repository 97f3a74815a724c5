"""Nodes by what people type, counts of operators, and the nodes that the runtime refuses."""

import pytest

from registry.graphs.finding import OperatorCount, nodes_like, nodes_of, operators_of, refused_nodes
from tests.registry.graphs.graphs import chain_of, graph_of


@pytest.mark.parametrize(
    ("typed", "places"),
    [("conv", [1, 0]), ("RELU_2", [2]), ("t1", [0, 1]), (" ", []), ("nothing", []), ("x", [0])],
)
def test_operators_names_and_tensors_are_searched_and_whole_operators_come_first(typed, places):
    graph = chain_of("ConvTranspose", "Conv", "Relu")
    assert nodes_like(graph, typed) == places


def test_operators_are_counted_commonest_first():
    graph = chain_of("Conv", "Relu", "Conv")
    assert operators_of(graph, {1}) == [OperatorCount("Conv", 2, False), OperatorCount("Relu", 1, True)]
    assert nodes_of(graph, "Conv") == [0, 2]


@pytest.mark.parametrize(
    ("note", "refused"),
    [
        ("Fatal error: my.ops:Foo(-1) is not a registered function/op.", {1}),
        ("Fatal error: other:Foo(-1) is not a registered function/op.", set()),
        (
            'This is an invalid model. In Node, ("relu_2", Relu, "", -1) : ("x": tensor(float),) , Error No Op '
            "registered for Relu with domain_version of 17.",
            {2},
        ),
        (
            "Type Error: Type 'tensor(bfloat16)' of input parameter (x) of operator (Neg) in node (neg_0) is invalid.",
            {0},
        ),
        ("Could not find an implementation for Neg(13) node with name 'neg_0'.", {0}),
        ("Could not find an implementation for Neg(13) node with name ''.", {0, 3}),
        ("Something else.", set()),
    ],
)
def test_nodes_that_the_runtime_names_are_refused(note, refused):
    graph = chain_of("Neg", "Foo", "Relu", "Neg")
    graph.nodes[1].domain = "my.ops"
    assert refused_nodes(graph, {"loads": False, "note": note}) == refused
    assert refused_nodes(graph, {"loads": True, "note": note}) == set()
    assert refused_nodes(graph, {}) == set()


def test_nothing_is_found_in_an_empty_graph():
    assert operators_of(graph_of(given="", taken=""), set()) == []
