"""What the operators of a model take: the runtime's profiler read rightly, in a sandbox."""

import pytest
from onnx import TensorProto, helper

from registry.inspection import operator_times, time_operators
from registry.inspection.time_operators import runs_of, spans_of, summary, typical
from studio.core.errors import Temporary
from tests.registry.factories import make_version
from tests.stack import ROOT


def node(name, start, duration, op="Op"):
    facts = {"op_name": op, "provider": "CPUExecutionProvider", "thread_scheduling_stats": ""}
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": start, "dur": duration, "args": facts}


def run(start, duration):
    return {"cat": "Session", "name": "model_run", "ts": start, "dur": duration}


class TestProfile:
    def test_time_of_a_subgraph_is_not_its_parents(self):
        spans = spans_of([node("If", 11, 10), node("Add", 12, 3), node("Mul", 22, 7)])
        assert [(span.name, span.own) for span in spans] == [("If", 7), ("Add", 3), ("Mul", 7)]

    def test_operators_belong_to_the_run_they_are_in(self):
        before = {"cat": "Session", "name": "model_loading_uri", "ts": 0, "dur": 5}
        events = [before, node("B", 40, 2), run(10, 20), node("A", 11, 4), run(35, 10), node("A", 36, 2)]
        assert [[span.name for span in one] for one in runs_of(events)] == [["A"], ["A", "B"]]

    def test_mean_is_over_runs_and_the_most_expensive_comes_first(self):
        runs = runs_of([run(0, 10), node("A", 1, 2), node("B", 4, 5), run(20, 10), node("A", 21, 4), node("B", 26, 3)])
        told = summary(runs)
        assert [(one[0], one[3], one[4]) for one in told["operators"]] == [("B", 4, 1), ("A", 3, 1)]
        assert (told["microseconds"], told["rest"]) == (7, 0)

    def test_beyond_the_most_told_the_rest_is_summed_up(self, monkeypatch):
        monkeypatch.setattr(time_operators, "SHOWN", 1)
        told = summary(runs_of([run(0, 10), node("A", 1, 2), node("B", 4, 5)]))
        assert [one[0] for one in told["operators"]] == ["B"]
        assert told["rest"] == 2

    def test_typical_run_is_the_median_and_begins_at_zero(self):
        starts = {0: 9, 20: 3, 40: 5}
        events = [one for at, length in starts.items() for one in (run(at, 10), node("A", at + 0.5, length))]
        assert [(span.start, span.duration) for span in typical(runs_of(events))] == [(0, 5)]

    def test_names_that_are_missing_are_said_to_be(self):
        [span] = spans_of([node("", 1, 1)])
        assert span.name == "(no name)"


@pytest.mark.django_db
class TestSandbox:
    def test_every_operator_of_a_model_is_timed(self, workspace, bob):
        version = make_version(
            workspace, "iris", user=bob, files={"model.onnx": (ROOT / "samples" / "iris" / "model.onnx").read_bytes()}
        )
        version.facts = {"main_file": "model.onnx"}
        told = operator_times.measure_operators(version, lambda: None)
        one, many = told["batches"]
        assert (one["rows"], many["rows"]) == (1, 32)
        assert one["runs"] > 10
        assert "TreeEnsembleClassifier" in {each[1] for each in one["operators"]}
        assert {each[2] for each in one["operators"]} == {"CPU"}
        assert one["microseconds"] == pytest.approx(sum(each[3] for each in one["operators"]))
        assert [each[3] for each in told["timeline"]] == sorted(each[3] for each in told["timeline"])

    def test_model_that_takes_no_made_up_rows_has_no_times(self, workspace, bob):
        sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
        length = helper.make_tensor_value_info("y", TensorProto.INT64, [])
        graph = helper.make_graph([helper.make_node("SequenceLength", ["x"], ["y"])], "g", [sequence], [length])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        version = make_version(workspace, "sequence", user=bob, files={"model.onnx": model.SerializeToString()})
        version.facts = {"main_file": "model.onnx"}
        assert operator_times.measure_operators(version, lambda: None) == {"batches": [], "timeline": []}

    def test_file_that_does_not_load_is_said_to_be(self, workspace, bob):
        version = make_version(workspace, "broken", user=bob, files={"model.onnx": b"no graph"})
        version.facts = {"main_file": "model.onnx"}
        with pytest.raises(Temporary, match="could not be timed"):
            operator_times.measure_operators(version, lambda: None)
