"""Boxes of a drawing: inputs, nodes, folded chains and outputs."""

from registry.graphs.units import Unit, units_of
from registry.inspection.graph import Graph
from tests.registry.graphs.graphs import chain_of, graph_of


def keys(found):
    return {(found.units[one].key, found.units[two].key) for one, two in found.edges}


def test_every_node_is_a_box_between_inputs_and_outputs():
    found = units_of(chain_of("Conv", "Relu"), folded=False)
    assert [unit.key for unit in found.units] == ["i0", "0", "1", "o0"]
    assert keys(found) == {("i0", "0"), ("0", "1"), ("1", "o0")}


def test_a_chain_is_one_box():
    found = units_of(chain_of("Conv", "Relu", "MaxPool", "Flatten"), folded=True)
    assert found.units[1] == Unit("0", (0, 1, 2, 3))
    assert keys(found) == {("i0", "0"), ("0", "o0")}
    assert found.of_key("2") == 1


def test_two_nodes_are_too_few_for_a_chain():
    assert len(units_of(chain_of("Conv", "Relu"), folded=True).units) == 4


def test_the_chain_of_the_opened_node_is_shown_in_full():
    found = units_of(chain_of("Conv", "Relu", "MaxPool", "Flatten"), folded=True, opened=2)
    assert [unit.key for unit in found.units] == ["i0", "0", "1", "2", "3", "o0"]


def test_branches_end_a_chain():
    graph = graph_of(
        ("Conv", "x", "a"),
        ("Relu", "a", "b"),
        ("Neg", "b", "c"),
        ("Abs", "c", "d"),
        ("Exp", "c", "e"),
        ("Add", "d e", "y"),
    )
    found = units_of(graph, folded=True)
    assert [unit.nodes for unit in found.units if unit.nodes] == [(0, 1, 2), (3,), (4,), (5,)]


def test_what_is_an_output_meanwhile_ends_a_chain():
    graph = graph_of(("Conv", "x", "a"), ("Relu", "a", "b"), ("Neg", "b", "c"), ("Abs", "c", "y"), taken="b y")
    assert [unit.nodes for unit in units_of(graph, folded=True).units if unit.nodes] == [(0,), (1,), (2,), (3,)]


def test_an_input_that_is_also_an_output_is_joined_to_itself():
    graph = graph_of(("Relu", "x", "y"), taken="x y")
    assert ("i0", "o0") in keys(units_of(graph, folded=False))


def test_what_no_node_has_is_found_nowhere():
    found = units_of(chain_of("Conv"), folded=False)
    assert [found.of_key(key) for key in ("7", "i9", "", "x" * 50, "9" * 50, "²")] == [None] * 6
    assert units_of(Graph([], []), folded=True).units == []
