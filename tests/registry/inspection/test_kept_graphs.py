"""The graph of a version is kept by its inspection, replaced by the next and goes with the version."""

import signal

import pytest

from registry.inspection.bounded_process import ProcessResult
from registry.inspection.kept_graphs import graph_of, keep_graph
from registry.inspection.result import finding_of
from registry.models import VersionGraph
from tests.registry.factories import make_version, onnx_bytes

RELU = {"nodes": [{"op": "Relu", "inputs": [0], "outputs": [1]}], "tensors": [{"name": "x"}, {"name": "y"}]}


def test_inspection_keeps_the_graph_of_an_onnx_version(inspected):
    version = inspected({"model.onnx": onnx_bytes()})
    graph = graph_of(version)
    assert [node.op for node in graph.nodes] == ["Identity"]
    assert [tensor.shape for tensor in graph.tensors] == [["batch", 4], ["batch", 4]]


def test_version_that_is_no_onnx_has_no_graph(inspected):
    assert graph_of(inspected({"notes.txt": b"nothing to draw"})) is None


def test_next_inspection_replaces_the_graph(workspace):
    version = make_version(workspace)
    keep_graph(version, RELU)
    keep_graph(version, {**RELU, "nodes": [{"op": "Abs"}]})
    assert [node.op for node in graph_of(version).nodes] == ["Abs"]
    keep_graph(version, None)
    assert graph_of(version) is None


def test_graph_goes_with_its_version(workspace):
    version = make_version(workspace)
    keep_graph(version, RELU)
    version.delete()
    assert not VersionGraph.objects.exists()


@pytest.mark.parametrize(
    "found",
    [
        {"nodes": [{"op": "Relu", "inputs": [7]}], "tensors": [{"name": "x"}]},
        {"nodes": [{"op": "Relu", "inputs": [-2]}], "tensors": [{"name": "x"}]},
        {"nodes": [{"op": 1}], "tensors": []},
        {"nodes": [{"op": "Relu"}] * 20_001, "tensors": []},
        {"nodes": []},
    ],
)
def test_what_cannot_be_a_graph_is_not_kept(workspace, found):
    version = make_version(workspace)
    keep_graph(version, found)
    assert graph_of(version) is None


def test_program_that_dies_over_shapes_leaves_the_stated_graph_and_no_warning():
    output = b'{"framework": "onnx", "facts": {"warnings": []}, "graph": {"shapes": "unfinished"}}\n'
    found = finding_of(ProcessResult(-signal.SIGSEGV, output, ""), seconds=1)
    assert found.facts["warnings"] == []
    assert found.graph == {"shapes": "unfinished"}
