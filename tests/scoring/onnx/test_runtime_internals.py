"""The private parts of onnxruntime that the scoring server uses do what it expects, and it does without them."""

import importlib
import re
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnxruntime.capi import onnxruntime_pybind11_state

from scoring.contract import BundledModel
from scoring.core.errors import ScoringError, StartFailure
from scoring.onnx import model as onnx_model
from scoring.onnx import runtime_internals
from scoring.onnx.model import OnnxModel
from scoring.onnx.session import open_session
from tests.scoring.conftest import ROOT, double_model, save

MODEL = BundledModel(name="m", version=1, path="")
ROW = {"x": np.array([[1, 2, 3, 4]], np.float32)}
DOUBLED = [[2, 4, 6, 8]]
PUBLIC = [
    "run", "run_with_iobinding", "get_inputs", "get_outputs", "get_overridable_initializers",
    "get_providers", "io_binding",
]  # fmt: skip


@pytest.fixture
def session(tmp_path):
    return open_session(MODEL, double_model(tmp_path / "model.onnx"), 1, ["CPUExecutionProvider"])


def public_only(session):
    """A session as a version of onnxruntime without these private attributes would give it."""
    return SimpleNamespace(**{name: getattr(session, name) for name in PUBLIC})


def bind(session):
    """A binding of one row, and the array its result is written to."""
    result = np.zeros((1, 4), np.float32)
    binding = session.io_binding()
    binding.bind_cpu_input("x", ROW["x"])
    binding.bind_output("y", "cpu", 0, np.float32, result.shape, result.ctypes.data)
    return binding, result


def test_private_attributes_were_checked_with_the_locked_onnxruntime():
    """After an upgrade: read how `InferenceSession.run` and `run_with_iobinding` call what is used here."""
    locked = re.search(r"^onnxruntime==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert runtime_internals.CHECKED_VERSION == locked[1] == onnxruntime.__version__


def test_direct_run_skips_the_wrapper_and_gives_the_same_result(session):
    direct = runtime_internals.direct_run(session)
    assert direct.__self__ is session._sess
    assert direct(("y",), ROW, None)[0].tolist() == session.run(["y"], ROW)[0].tolist() == DOUBLED


def test_direct_bound_run_skips_the_wrapper_and_writes_the_result(session):
    binding, result = bind(session)
    run, bound = runtime_internals.direct_bound_run(session, binding)
    assert (run.__self__, bound) == (session._sess, binding._iobinding)
    run(bound, None)
    assert result.tolist() == DOUBLED


def test_run_is_the_public_one_where_the_session_has_no_private_part(session):
    run = runtime_internals.direct_run(public_only(session))
    assert run == session.run
    assert run(("y",), ROW, None)[0].tolist() == DOUBLED


def test_bound_run_is_the_public_one_where_the_session_has_no_private_part(session):
    binding, result = bind(session)
    run, bound = runtime_internals.direct_bound_run(public_only(session), binding)
    assert (run, bound) == (session.run_with_iobinding, binding)
    run(bound, None)
    assert result.tolist() == DOUBLED


def test_bound_run_is_the_public_one_where_the_binding_has_no_private_part(session):
    binding = object()
    assert runtime_internals.direct_bound_run(session, binding) == (session.run_with_iobinding, binding)


def test_model_is_served_without_private_attributes(tmp_path, session, monkeypatch):
    monkeypatch.setattr(onnx_model, "open_session", lambda *_: public_only(session))
    model = OnnxModel(MODEL, tmp_path / "model.onnx", 1)
    model.bind()
    assert model.is_bound
    for factor in (1, 5):
        [result] = model.compute(model.output_names, {"x": factor * ROW["x"]})
        assert result.tolist() == (factor * 2 * ROW["x"]).tolist()


def test_errors_of_a_version_without_their_names_are_failures_of_the_model(monkeypatch):
    with monkeypatch.context() as patched:
        for name in ("InvalidArgument", "Fail", "RuntimeException", "NotImplemented", "InvalidGraph"):
            patched.delattr(onnxruntime_pybind11_state, name)
        renamed = importlib.reload(runtime_internals)
        try:
            assert ((), (Exception,)) == (renamed.REFUSED_INPUTS, renamed.FAILED_RUN)
            assert Exception in renamed.LOAD_ERRORS
        finally:
            patched.undo()
            importlib.reload(runtime_internals)


def test_input_that_the_runtime_refuses_is_an_error_of_the_request(tmp_path):
    model = OnnxModel(MODEL, double_model(tmp_path / "model.onnx"), 1)
    with pytest.raises(ScoringError) as refused:
        model.compute(model.output_names, {"x": np.zeros((1, 5), np.float32)}, trial=True)
    assert (refused.value.status, refused.value.code) == (400, "bad_input")


def test_run_that_the_runtime_fails_is_a_failure_of_the_model(tmp_path):
    a, b, total = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"size of {name}"]) for name in "aby")
    model = OnnxModel(
        MODEL, save(tmp_path / "m.onnx", [helper.make_node("Add", ["a", "b"], ["y"])], [a, b], [total]), 1
    )
    with pytest.raises(ScoringError) as failed:
        model.compute(model.output_names, {"a": np.zeros(2, np.float32), "b": np.zeros(3, np.float32)}, trial=True)
    assert (failed.value.status, failed.value.code) == (500, "model_failed")


def test_file_that_the_runtime_cannot_load_is_an_invalid_model(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(StartFailure) as failed:
        OnnxModel(MODEL, tmp_path / "model.onnx", 1)
    assert failed.value.failure.reason == "model_invalid"
