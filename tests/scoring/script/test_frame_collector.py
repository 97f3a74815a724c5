"""`azureml.ai.monitoring.Collector`: data frames that a script collects, and errors of that."""

import json

import pandas as pd
import pytest

from scoring.core import collecting
from scoring.observers.collected_rows import script_row
from scoring.script.compat.correlation import BasicCorrelationContext, CorrelationContext, get_context_wrapper
from scoring.script.compat.frame_collector import Collector

FRAME = pd.DataFrame(
    {"n": [1, 2**53 + 1], "x": [0.5, None], "t": ["a", "b"], "d": pd.to_datetime(["2026-01-02", None])}
)
SCRIPT = """
import json
import pandas as pd
from azureml.ai.monitoring import Collector

def init():
    global inputs, outputs
    inputs, outputs = Collector(name="model_inputs"), Collector(name="model_outputs", on_error=print)

def run(data):
    frame = pd.DataFrame(json.loads(data))
    context = inputs.collect(frame)
    outputs.collect(frame * 2, context)
    outputs.collect([1], context)
    return context.get_id()
"""


@pytest.fixture
def records(monkeypatch):
    kept = []
    monkeypatch.setattr(collecting, "_sinks", [kept.append])
    return kept


def test_data_frames_are_collected_value_by_value(records):
    Collector(name="model_inputs").collect(FRAME)
    line = json.loads(script_row(records[0], 1))["script"]
    assert line["columns"] == ["n", "x", "t", "d"]
    assert line["rows"] == [[1, 0.5, "a", "2026-01-02T00:00:00"], [2**53 + 1, None, "b", None]]


@pytest.mark.parametrize(
    ("name", "designation"),
    [("model_inputs", "inputs"), ("model_outputs", "predictions"), ("model_inputs_outputs", "general")],
)
def test_collection_names_become_designations(records, name, designation):
    Collector(name=name).collect(FRAME)
    assert (records[0]["designation"], records[0]["collection"]) == (designation, name)


def test_context_joins_the_records_collected_under_it(records):
    inputs, outputs = Collector(name="model_inputs"), Collector(name="model_outputs")
    context = inputs.collect(FRAME)
    assert outputs.collect(FRAME, context) is context
    ids = [record["correlation"]["$aml_dc_correlation_id"] for record in records]
    assert ids == [context.get_id()] * 2
    assert inputs.collect(FRAME).get_id() != context.get_id()


def test_context_class_of_the_script_is_accepted(records):
    class Own(CorrelationContext):
        def get_id(self):
            return "mine"

    given = BasicCorrelationContext(id="abc", timestamp=0, headers={"area": "north"})
    Collector(name="model_inputs").collect(FRAME, given)
    Collector(name="model_inputs").collect(FRAME, Own())
    Collector(name="model_inputs").collect(FRAME, get_context_wrapper(given, True, ""))
    told = [record["correlation"] for record in records]
    assert [one["$aml_dc_correlation_id"] for one in told] == ["abc", "mine", "abc"]
    assert (told[0]["area"], told[2]["area"]) == ("north", "north")


@pytest.mark.parametrize(("name", "data"), [("model_inputs", [1]), ("model_inputs", None), ("", FRAME)])
def test_collector_errors_go_to_the_handler_or_are_raised(records, name, data):
    told = []
    assert Collector(name=name, on_error=told.append).collect(data).get_id()
    assert isinstance(told[-1], TypeError if name else ValueError)
    with pytest.raises((TypeError, ValueError), match="not supported" if name else "name is not provided"):
        Collector(name=name).collect(data)
    assert records == []


@pytest.mark.parametrize("collect", [{}, None])
def test_script_with_collectors_serves_with_and_without_collection(replica, collect):
    replica.with_script(SCRIPT).start(processes=1, collect=collect)
    answered = replica.score([{"a": 1}]).json()
    replica.stop()
    lines = [json.loads(line) for path in (replica.folder / "collected").glob("*") for line in path.open()]
    scripted = [line["script"] for line in lines if "script" in line]
    if collect is None:
        assert replica.log().count("switches it on") == 1
    assert [(one["designation"], one["rows"]) for one in scripted] == (
        [] if collect is None else [("inputs", [[1]]), ("predictions", [[2]])]
    )
    assert {one["correlation"]["$aml_dc_correlation_id"] for one in scripted} <= {answered}
    assert "data type (list) not supported" in replica.log()
