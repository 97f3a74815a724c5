"""The graph of a version: arrow keys, search, and the looks of it."""

import re

import msgspec
import pytest
from playwright.sync_api import expect

from registry.graphs import costs
from registry.graphs.costs import Costs
from registry.inspection.kept_graphs import keep_graph
from tests.browser.conftest import look
from tests.pages import url
from tests.registry.factories import make_version
from tests.registry.graphs.graphs import chain_of, graph_of, ladder_of

RUNTIME = {"name": "onnxruntime", "version": "1", "loads": True, "rows": [], "note": ""}


@pytest.fixture
def open_graph(workspace, alice, open_as):
    """`open_graph(graph)` opens the tab of a version with this graph."""

    def make(graph, query=""):
        facts = {"opset": {"ai.onnx": 17, "ai.onnx.ml": 3}, "ir_version": 8, "runtime": RUNTIME}
        version = make_version(workspace, "resnet", user=alice, facts=facts)
        keep_graph(version, msgspec.to_builtins(graph))
        return open_as(alice, f"{url('version_detail', name='resnet', number=1)}?tab=graph{query}")

    return make


def residual():
    return graph_of(
        ("Conv", "x", "a"),
        ("Relu", "a", "b"),
        ("Conv", "b", "c"),
        ("Sigmoid", "b", "d"),
        ("Mul", "c d", "e"),
        ("Add", "e a", "f"),
        ("GlobalAveragePool", "f", "g"),
        ("Gemm", "g", "y"),
    )


def test_arrow_keys_follow_the_edges_and_enter_opens_a_node(open_graph):
    page = open_graph(residual())
    page.locator(".graph").focus()
    steps = [("ArrowDown", "i0"), ("ArrowDown", "0"), ("ArrowDown", "1"), ("ArrowDown", "2"), ("ArrowRight", "3")]
    for key, node in [*steps, ("ArrowDown", "4"), ("ArrowUp", "3"), ("ArrowUp", "1")]:
        page.keyboard.press(key)
        expect(page.locator(f"[data-node='{node}']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#node")).to_contain_text("relu_1")
    expect(page.locator("[data-node='1']")).to_be_focused()
    look(page, "version-graph-node")


def test_slash_searches_the_graph_and_results_are_links(open_graph):
    page = open_graph(ladder_of(400))
    page.locator(".graph").focus()
    page.keyboard.press("/")
    page.keyboard.type("sigmoid_202")
    page.keyboard.press("Enter")
    expect(page.locator("#found-head")).to_have_text("1 found")
    page.get_by_role("link", name="Sigmoid", exact=True).first.click()
    expect(page).to_have_url(re.compile(r"q=sigmoid_202&node=202"))
    expect(page.locator("[data-node='202']")).to_be_in_viewport()
    look(page, "version-graph-large")


def test_costs_of_nodes_and_refused_operators_are_seen(open_graph, monkeypatch):
    shares = {"conv_0": 0.31, "relu_1": 0.04, "conv_2": 0.12, "sigmoid_3": 0.07}
    measured = Costs(shares, dict.fromkeys(shares, "CPUExecutionProvider"), "1 row a run", "#profile")
    monkeypatch.setattr(costs, "_readers", [lambda version: measured])
    monkeypatch.setitem(RUNTIME, "loads", False)
    monkeypatch.setitem(RUNTIME, "note", "Fatal error: :GlobalAveragePool(-1) is not a registered function/op.")
    page = open_graph(residual(), "&node=0")
    expect(page.locator(".cost")).to_have_count(4)
    expect(page.locator(".graph [data-tone=bad]")).to_have_attribute("data-node", "6")
    look(page, "version-graph-costs")


def test_graph_of_a_chain_is_folded_and_unfolds(open_graph):
    page = open_graph(chain_of(*["Conv", "Relu", "MaxPool"] * 20))
    expect(page.locator("[data-node]")).to_have_count(3)
    page.get_by_role("link", name="Unfold chains").click()
    expect(page.locator("[data-node]")).to_have_count(62)
