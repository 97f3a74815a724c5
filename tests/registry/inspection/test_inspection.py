"""Inspection end to end: the real sandboxed process over valid and broken files."""

import pickle
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from registry.inspection import inspections
from registry.inspection.result import Finding, Rejected, settled
from registry.inspection.warm_process import WarmProgram
from registry.models import Inspection, VersionState
from registry.store import artifacts
from registry.versions import registration
from studio.activity.models import Event
from studio.core.job_runner import run_job
from studio.core.jobs import JobState
from studio.sandbox.levels import Walls
from tests.registry.factories import make_version, onnx_bytes, with_external_data

pytestmark = pytest.mark.django_db


def test_an_onnx_model_becomes_ready_with_its_signature(inspected):
    version = inspected({"model.onnx": onnx_bytes([("x", TensorProto.FLOAT, ["batch", 4])])})
    assert version.state == VersionState.READY
    assert (version.framework, version.framework_version) == ("onnx", "opset 17")
    assert version.signature == {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [{"name": "x_out", "datatype": "FP32", "shape": [-1, 4]}],
    }
    assert version.facts["main_file"] == "model.onnx"
    assert version.facts["opset"] == {"ai.onnx": 17}
    assert version.facts["producer"] == "slipway-tests"
    assert version.facts["operators"] == {"Identity": 1}
    assert version.facts["dimensions"]["x"] == ["batch", 4]
    assert version.facts["warnings"] == []
    assert (version.facts["runtime"]["loads"], version.facts["runtime"]["rows"]) == (True, [2, 3, 1])
    assert version.inspections.get().state == JobState.SUCCEEDED
    assert Event.objects.filter(action="version.accepted", subject_label="iris:1", actor=None).count() == 1
    assert list(artifacts.incoming().glob("inspect-*/*")) == []


def test_a_model_that_the_runtime_cannot_load_is_ready_with_a_warning(inspected):
    version = inspected({"model.onnx": onnx_bytes(ir_version=14)})
    assert (version.state, version.framework) == (VersionState.READY, "onnx")
    (warning,) = version.facts["warnings"]
    assert "IR 14; this runtime reads up to 13." in warning


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"just some words\n", "not_onnx", "model.onnx is not ONNX: it looks like text."),
        (b'{"json": true}', "not_onnx", "model.onnx is not ONNX: it is json."),
        (pickle.dumps({}), "not_onnx", "model.onnx is not ONNX: it is pickle."),
        (onnx_bytes()[:60], "onnx_truncated", "model.onnx is ONNX that breaks off or is damaged."),
        (b"\x08\x08\x12\x04test", "onnx_truncated", "model.onnx begins like ONNX but holds no whole model."),
    ],
)
def test_invalid_onnx_is_rejected_with_a_reason(inspected, content, code, message):
    version = inspected({"model.onnx": content})
    assert version.state == VersionState.REJECTED
    assert version.rejection["code"] == code
    assert version.rejection["message"] == message
    assert version.rejection["hint"]
    assert version.signature is None
    event = Event.objects.get(action="version.rejected")
    assert event.reason == message


def test_empty_model_file_beside_others_is_rejected(inspected):
    version = inspected({"model.onnx": b"", "README.md": b"words"})
    assert version.rejection["message"] == "model.onnx is empty."


def test_inspection_that_exceeds_its_memory_is_reported(inspected, settings):
    settings.SLIPWAY = {**settings.SLIPWAY, "INSPECTION_MEMORY_BYTES": 120 * 1024**2}
    version = inspected({"model.bin": pickle.dumps(np.zeros(200_000_000 // 8)), "x.json": b"{}"})
    assert version.state == VersionState.REJECTED
    assert version.rejection["code"] in {"inspection_memory", "inspection_crashed"}
    assert "memory" in version.rejection["message"] + version.rejection["hint"]


def test_inspection_that_exceeds_its_time_is_reported(inspected, settings, monkeypatch, tmp_path):
    program = tmp_path / "sleeps.py"
    program.write_text("import time\ndef preload(): pass\ndef main(*_): time.sleep(60)")
    monkeypatch.setattr(
        inspections, "INSPECTOR", WarmProgram(program, lambda: replace(inspections._room(), walls=Walls))
    )
    settings.SLIPWAY = {**settings.SLIPWAY, "INSPECTION_SECONDS": 0.5}
    version = inspected({"model.bin": b"anything"})
    assert version.rejection["code"] == "inspection_timeout"
    assert version.rejection["message"] == "Looking inside took longer than 0.5 seconds."


@pytest.mark.parametrize(("declared", "state"), [("onnx", "rejected"), ("pytorch", "ready"), ("custom", "ready")])
def test_declared_framework_wins_except_onnx_for_a_pickle(inspected, declared, state):
    version = inspected({"model.pkl": pickle.dumps({"no": "model"})}, framework=declared)
    assert version.state == state
    if state == "rejected":
        assert version.rejection["message"] == "You said onnx, but model.pkl is a pickle."
    else:
        assert version.framework == declared


def test_contradiction_of_the_declared_framework_is_a_warning(inspected):
    version = inspected({"model.bin": onnx_bytes()}, framework="pytorch", framework_version="2.13")
    assert (version.framework, version.framework_version) == ("pytorch", "2.13")
    assert version.facts["warnings"] == ["You said pytorch; model.bin looks like onnx."]
    assert version.signature["inputs"][0]["name"] == "x"


def test_frameworks_that_share_a_format_do_not_contradict():
    assert settled("keras", Finding("tensorflow")) == ("keras", [])
    assert settled("", Finding("xgboost")) == ("xgboost", [])
    assert settled("pytorch", Finding("safetensors")) == ("pytorch", [])


def test_rejected_version_can_be_reinspected(inspected, workspace, bob, settings, monkeypatch):
    monkeypatch.setattr(inspections, "finding_of", lambda *_, **__: (_ for _ in ()).throw(Rejected("no", code="x")))
    version = inspected({"model.onnx": onnx_bytes()})
    assert version.state == VersionState.REJECTED
    monkeypatch.undo()
    registration.inspect_again(version, bob)
    assert Inspection.objects.due().get() == version.inspections.latest("pk")
    run_job("inspection", version.inspections.latest("pk").pk)
    version.refresh_from_db()
    assert (version.state, version.rejection) == (VersionState.READY, None)


def test_files_of_a_version_keep_their_paths(inspected):
    version = inspected({"net/m.onnx": with_external_data("w.bin"), "net/w.bin": bytes(48), "README.md": b"hi"})
    assert (version.state, version.facts["main_file"]) == ("ready", "net/m.onnx")


def test_make_version_matches_an_inspected_version(workspace, inspected):
    made, seen = make_version(workspace, name="digits"), inspected({"model.onnx": onnx_bytes()})
    assert (made.state, made.framework, made.signature) == (seen.state, seen.framework, seen.signature)
    assert onnx.load_from_string(onnx_bytes()).graph.name == seen.facts["graph"]
