"""The Graph tab of a version."""

import msgspec
import pytest
from django.http import QueryDict

from registry.graphs.costs import Costs
from registry.inspection.kept_graphs import keep_graph
from registry.views.graph import graph_panel
from tests.pages import text_of, url
from tests.registry.factories import make_version
from tests.registry.graphs.graphs import chain_of, ladder_of

LONG = ["Conv", "Relu", "MaxPool"] * 20


def keep(version, graph):
    keep_graph(version, msgspec.to_builtins(graph))


@pytest.fixture
def open_tab(sign_in, carol, here):
    """`open_tab(node="1")` is the text of the tab as a viewer sees it."""

    def make(**query):
        return text_of(sign_in(carol).get(url("version_detail", **here), {"tab": "graph", **query}))

    return make


def test_graph_is_drawn_as_links_in_order(iris, open_tab):
    keep(iris, chain_of("Conv", "Relu"))
    page = open_tab()
    nodes = [part.split('"')[0] for part in page.split('data-node="')[1:]]
    assert nodes == ["i0", "0", "1", "o0"]
    assert "2 nodes" in page
    assert "style=" not in page.split('<div class="graph"')[1].split("</svg>")[0]


def test_node_panel_shows_tensors_and_attributes(iris, open_tab):
    graph = chain_of("Conv", "Relu")
    graph.nodes[0].attributes = {"strides": "[2, 2]"}
    keep(iris, graph)
    panel = open_tab(node="0").split('<aside class="side"')[1]
    assert "conv_0" in panel
    assert "[2, 2]" in panel
    assert 'href="?tab=graph&amp;node=1"' in panel


def test_what_is_not_a_node_opens_no_panel(iris, open_tab):
    keep(iris, chain_of("Conv"))
    for key in ("9", "o9", "<script>", "9" * 300):
        page = open_tab(node=key)
        assert '<aside class="side"' not in page
        assert "<script>" not in page.split('<main id="main"')[1]


def test_search_lists_nodes_and_marks_them(iris, open_tab):
    keep(iris, chain_of("Conv", "Relu", "Conv"))
    page = open_tab(q="conv")
    assert "2 found" in page
    assert page.count("data-found") == 2
    assert "q=conv&amp;node=2" in page
    assert page.count('value="conv"') == 1  # the tag editor keeps its own
    assert "No node, operator or tensor" in open_tab(q="gemm")


def test_operator_link_finds_exactly_its_nodes(iris, open_tab):
    keep(iris, chain_of("Conv", "ConvTranspose", "Conv"))
    assert "2 found" in open_tab(op="Conv")


def test_window_of_5000_nodes_is_drawn(iris, open_tab):
    keep(iris, ladder_of(5000))
    page = open_tab(fold="no")
    assert page.count('data-node="') == 120
    assert "5,000 nodes" in page
    assert "1–120 of 5,002 boxes" in page
    assert "from=120" in page
    assert "121–240 of 5,002 boxes" in open_tab(fold="no", **{"from": "120"})


def test_long_chains_are_folded_until_a_node_is_opened(iris, open_tab):
    keep(iris, chain_of(*LONG))
    page = open_tab()
    assert page.count('data-node="') == 3
    assert "60 nodes" in page
    assert open_tab(fold="no").count('data-node="') == 62
    assert open_tab(node="7").count('data-node="') == 62


def test_operators_that_the_runtime_refuses_are_marked(iris, open_tab):
    graph = chain_of("Foo", "Relu")
    graph.nodes[0].domain = "my.ops"
    keep(iris, graph)
    note = "Fatal error: my.ops:Foo(-1) is not a registered function/op."
    iris.facts = {"runtime": {"name": "onnxruntime", "version": "1", "loads": False, "rows": [], "note": note}}
    iris.save()
    page = open_tab(node="0")
    assert "1 not known to the CPU provider" in page
    assert "not on the CPU provider" in page
    assert "it is why the runtime refuses the graph" in page


def test_costs_are_ranked_and_drawn(iris):
    keep(iris, chain_of("Conv", "Relu", "Conv"))
    shown = graph_panel(iris, QueryDict("node=2"), Costs({"conv_0": 0.2, "conv_2": 0.7, "gone": 0.1}))
    assert [(each["key"], each["percent"], each["bar"]) for each in shown["ranked"]] == [
        ("2", 70.0, "100.0%"),
        ("0", 20.0, "28.6%"),
    ]
    assert [box.heat for box in shown["drawing"].boxes] == [None, 4, None, 4, None]
    assert shown["node"].percent == 70.0
    assert round(shown["unplaced"]) == 10


def test_version_inspected_before_says_so(open_tab):
    assert "inspected before graphs were kept" in open_tab()


def test_other_frameworks_are_sent_to_the_conversion(sign_in, bob, carol, workspace):
    make_version(workspace, "trees", framework="scikit-learn", files={"model.pkl": b"x"})
    place = {"name": "trees", "number": 1}
    page = text_of(sign_in(bob).get(url("version_detail", **place), {"tab": "graph"}))
    assert f'href="{url("conversion_new", **place)}">Convert first' in page.replace("\n", "")
    assert "Convert first" not in text_of(sign_in(carol).get(url("version_detail", **place), {"tab": "graph"}))


def test_names_of_a_file_are_escaped(iris, open_tab):
    graph = chain_of("Conv")
    graph.nodes[0].name = graph.tensors[0].name = graph.nodes[0].op = "<script>alert(1)</script>"
    keep(iris, graph)
    assert "<script>alert" not in open_tab(node="0", q="<script>alert(1)</script>")


def test_drawing_takes_the_same_queries_for_any_graph(iris, sign_in, carol, here, django_assert_num_queries):
    keep(iris, ladder_of(400))
    client, address = sign_in(carol), url("version_detail", **here)
    client.get(address)
    with django_assert_num_queries(1):
        graph_panel(iris, QueryDict("q=conv&node=17"))
    assert client.get(address, {"tab": "graph"}).status_code == 200
