"""Looking inside: the real program in its real process, over real and broken files."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
import zlib
from datetime import timedelta

import numpy as np
import onnx
import psutil
import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from registry import artifacts, bounded, inspection, registration, tasks
from registry.bounded import Ended
from registry.formats.folder import inspect_folder
from registry.formats.report import Refused
from registry.inspection import PROGRAM
from registry.models import Inspection, VersionState
from registry.verdict import Finding, Rejected, finding_of, settled
from studio.activity.models import Event
from studio.core.jobs import MAX_ATTEMPTS, JobState
from tests.registry.factories import make_upload, make_version, onnx_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def registered(workspace, bob):
    """`registered({"model.onnx": b"…"})` registers these files; nobody has looked inside yet."""

    def make(files, **facts):
        sent = [make_upload(workspace, bob, path, content) for path, content in files.items()]
        return registration.register(workspace=workspace, actor=bob, name="iris", files=sent, **facts)

    return make


@pytest.fixture
def inspected(registered):
    """`inspected({...})` registers and has the program look."""

    def make(files, **facts):
        version = registered(files, **facts)
        tasks.inspect_version(version.inspections.get().pk)
        version.refresh_from_db()
        return version

    return make


@pytest.fixture
def look(tmp_path):
    """`look({...})` asks the readers without the process around them, for speed."""

    def make(files, declared=""):
        for path, content in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)
        return inspect_folder(tmp_path, declared)

    return make


# --- the whole way --------------------------------------------------------------------------------


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
    assert version.inspections.get().state == JobState.SUCCEEDED
    assert Event.objects.filter(action="version.ready", subject_label="iris:1", actor=None).count() == 1
    assert list(artifacts.incoming().glob("inspect-*")) == []


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
def test_what_is_no_onnx_is_rejected_with_a_reason(inspected, content, code, message):
    version = inspected({"model.onnx": content})
    assert version.state == VersionState.REJECTED
    assert version.rejection["code"] == code
    assert version.rejection["message"] == message
    assert version.rejection["hint"]
    assert version.signature is None
    event = Event.objects.get(action="version.rejected")
    assert event.reason == message


def test_an_empty_file_beside_others_is_rejected_when_it_is_the_model(inspected):
    version = inspected({"model.onnx": b"", "README.md": b"words"})
    assert version.rejection["message"] == "model.onnx is empty."


def test_too_little_memory_is_said(inspected, settings):
    settings.SLIPWAY = {**settings.SLIPWAY, "INSPECTION_MEMORY_BYTES": 120 * 1024**2}
    version = inspected({"model.bin": pickle.dumps(np.zeros(200_000_000 // 8)), "x.json": b"{}"})
    assert version.state == VersionState.REJECTED
    assert version.rejection["code"] in {"inspection_memory", "inspection_crashed"}
    assert "memory" in version.rejection["message"] + version.rejection["hint"]


def test_too_much_time_is_said(inspected, settings, monkeypatch, tmp_path):
    program = tmp_path / "sleeps.py"
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(inspection, "PROGRAM", program)
    settings.SLIPWAY = {**settings.SLIPWAY, "INSPECTION_SECONDS": 0.5}
    version = inspected({"model.bin": b"anything"})
    assert version.rejection["code"] == "inspection_timeout"
    assert version.rejection["message"] == "Looking inside took longer than 0.5 seconds."


@pytest.mark.parametrize(("declared", "state"), [("onnx", "rejected"), ("pytorch", "ready"), ("custom", "ready")])
def test_what_the_person_said_counts_except_for_onnx_that_is_none(inspected, declared, state):
    version = inspected({"model.pkl": pickle.dumps({"no": "model"})}, framework=declared)
    assert version.state == state
    if state == "rejected":
        assert version.rejection["message"] == "You said onnx, but model.pkl is a pickle."
    else:
        assert version.framework == declared


def test_contradictions_are_warned_of(inspected):
    version = inspected({"model.bin": onnx_bytes()}, framework="pytorch", framework_version="2.13")
    assert (version.framework, version.framework_version) == ("pytorch", "2.13")
    assert version.facts["warnings"] == ["You said pytorch; model.bin looks like onnx."]
    assert version.signature["inputs"][0]["name"] == "x"


def test_rejected_versions_can_be_inspected_again(inspected, workspace, bob, settings, monkeypatch):
    monkeypatch.setattr(inspection, "finding_of", lambda *_, **__: (_ for _ in ()).throw(Rejected("no", code="x")))
    version = inspected({"model.onnx": onnx_bytes()})
    assert version.state == VersionState.REJECTED
    monkeypatch.undo()
    registration.inspect_again(version, bob)
    assert inspection.due() == [version.inspections.latest("pk").pk]
    tasks.inspect_version(version.inspections.latest("pk").pk)
    version.refresh_from_db()
    assert (version.state, version.rejection) == (VersionState.READY, None)


# --- the job --------------------------------------------------------------------------------------


def test_inspecting_twice_is_harmless(inspected):
    version = inspected({"model.onnx": onnx_bytes()})
    tasks.inspect_version(version.inspections.get().pk)
    assert Event.objects.filter(action="version.ready").count() == 1


def test_an_inspection_of_a_deleted_version_is_let_go():
    tasks.inspect_version(4711)


def test_a_worker_that_died_is_followed_by_another(registered):
    job = registered({"model.onnx": onnx_bytes()}).inspections.get()
    assert job.claim(60)
    assert inspection.due() == []
    Inspection.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert inspection.due() == [job.pk]
    inspection.inspect(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempt, job.version.state) == (JobState.SUCCEEDED, 2, VersionState.READY)


def test_an_inspection_whose_worker_is_killed_does_not_wait_for_the_longest_one_possible(registered, monkeypatch):
    version = registered({"model.onnx": onnx_bytes()})
    leases = []

    def look(*_):
        leases.append(version.inspections.get().lease_until - timezone.now())
        return Finding(framework="onnx")

    monkeypatch.setattr(inspection, "_look", look)
    inspection.inspect(version.inspections.get().pk)
    assert leases[0] <= timedelta(seconds=30)


def test_a_worker_that_lost_its_lease_says_nothing(registered, monkeypatch):
    version = registered({"model.onnx": onnx_bytes()})
    job = version.inspections.get()

    def taken_over(*_):
        Inspection.objects.update(attempt=7)
        return Finding(framework="onnx")

    monkeypatch.setattr(inspection, "_look", taken_over)
    inspection.inspect(job.pk)
    version.refresh_from_db()
    assert version.state == VersionState.UPLOADED
    assert not Event.objects.filter(action="version.ready").exists()


def test_when_workers_die_again_and_again_the_version_is_rejected(registered):
    version = registered({"model.onnx": onnx_bytes()})
    Inspection.objects.update(attempt=MAX_ATTEMPTS)
    tasks.inspect_version(version.inspections.get().pk)
    version.refresh_from_db()
    assert version.state == VersionState.REJECTED
    assert version.rejection["code"] == "worker_lost"


def test_a_version_whose_given_up_inspection_was_never_told_is_found(registered):
    version = registered({"model.onnx": onnx_bytes()})
    Inspection.objects.update(state=JobState.FAILED)
    assert inspection.due() == [version.inspections.get().pk]
    inspection.inspect(version.inspections.get().pk)
    version.refresh_from_db()
    assert version.state == VersionState.REJECTED
    assert inspection.due() == []


def test_the_tick_rings_for_due_inspections(registered, rings, django_capture_on_commit_callbacks):
    job = registered({"model.onnx": onnx_bytes()}).inspections.get()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.ring_due_inspections()
    assert rings == [("registry.tasks.inspect_version", (job.pk,))]


# --- the process ----------------------------------------------------------------------------------


def run(tmp_path, source, *, seconds=10.0):
    program = tmp_path / "program.py"
    program.write_text(source)
    return bounded.run_bounded(program, [], folder=tmp_path, seconds=seconds)


def test_the_program_sees_nothing_of_the_studio(tmp_path, monkeypatch):
    monkeypatch.setenv("SLIPWAY_SECRET_KEY", "secret")
    ended = run(tmp_path, "import os, json; print(json.dumps([dict(os.environ), os.getcwd()]))")
    environment, folder = json.loads(ended.output)
    assert "SLIPWAY_SECRET_KEY" not in environment
    assert folder == str(tmp_path)


def test_the_program_has_no_network_where_the_system_can_take_it_away(tmp_path):
    if not bounded._without_network():
        pytest.skip("this system lets nobody take the network away")
    ended = run(tmp_path, "print(len(open('/proc/net/dev').read().splitlines()))")
    assert ended.output.strip() == b"3"  # two lines of heading, and loopback


def test_children_of_the_program_end_with_it(tmp_path):
    source = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    pid = int(run(tmp_path, source).output)
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} goes on")


HOOKED = """
import sys
sys.path.insert(0, {root!r})
from registry.inspect_file import refuse
sys.addaudithook(refuse)
try:
    {attempt}
except PermissionError as refused:
    print(refused)
"""


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.socket()",
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        "import pickle; pickle.loads(b'cos\\nsystem\\n.')",
        "open('/tmp/x', 'w')",
        "import os; os.open('/tmp/x', os.O_RDWR | os.O_CREAT)",
        "import os; os.fork()",
    ],
)
def test_the_program_refuses_to_do_harm(tmp_path, attempt):
    root = str(PROGRAM.parent.parent)
    ended = run(tmp_path, HOOKED.format(root=root, attempt=attempt))
    assert ended.output.startswith(b"the inspection program does not"), ended.errors


KNOWS = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from registry import inspect_file
assert inspect_file.look(Path({folder!r}), "")["framework"] == "onnx"
print([name for name in sys.modules if name.split(".")[0] in ("django", "celery", "studio")])
"""


def test_the_program_knows_no_django(tmp_path):
    (tmp_path / "model.onnx").write_bytes(onnx_bytes())
    script = KNOWS.format(folder=str(tmp_path), root=str(PROGRAM.parent.parent))
    printed = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed == "[]\n"


def test_a_crash_of_the_program_is_a_rejection_with_evidence():
    with pytest.raises(Rejected) as said:
        finding_of(Ended(-signal.SIGSEGV, b"", "Fatal Python error"), seconds=5)
    assert said.value.code == "inspection_crashed"
    assert "Fatal Python error" in said.value.evidence
    with pytest.raises(Rejected) as said:
        finding_of(Ended(-signal.SIGXCPU, b"", ""), seconds=5)
    assert said.value.code == "inspection_timeout"


def test_frameworks_that_share_files_do_not_contradict():
    assert settled("keras", Finding("tensorflow")) == ("keras", [])
    assert settled("", Finding("xgboost")) == ("xgboost", [])
    assert settled("pytorch", Finding("safetensors")) == ("pytorch", [])


# --- ONNX -----------------------------------------------------------------------------------------


def graph_bytes(inputs, outputs, nodes, *, initializer=(), opsets=(("", 17),), **facts):
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializer=initializer)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*opset) for opset in opsets], **facts)
    model.ir_version = 8
    return model.SerializeToString()


def test_dimensions_of_every_kind_are_understood(look):
    formula = "floor((height + 2*pad - kernel)/stride) + 1 " * 15
    report = look({"m.onnx": onnx_bytes([("x", TensorProto.INT64, ["N", None, "?", formula, 0, 3])])})
    assert report.signature["inputs"][0] == {"name": "x", "datatype": "INT64", "shape": [-1, -1, -1, -1, -1, 3]}
    assert report.facts["dimensions"]["x"][:3] == ["N", None, "?"]
    assert len(report.facts["dimensions"]["x"][3]) == 100


@pytest.mark.parametrize(
    ("kind", "datatype"),
    [
        (TensorProto.STRING, "BYTES"),
        (TensorProto.FLOAT16, "FP16"),
        (TensorProto.DOUBLE, "FP64"),
        (TensorProto.UINT8, "UINT8"),
        (TensorProto.BOOL, "BOOL"),
        (TensorProto.COMPLEX64, "COMPLEX64"),
    ],
)
def test_types_are_said_in_the_protocols_words(look, kind, datatype):
    assert look({"m.onnx": onnx_bytes([("x", kind, [1])])}).signature["inputs"][0]["datatype"] == datatype


def test_weights_count_and_are_no_inputs(look):
    weights = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])
    w = helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    report = look({"m.onnx": graph_bytes([x, w], [y], nodes, initializer=[weights])})
    assert [tensor["name"] for tensor in report.signature["inputs"]] == ["x"]
    assert (report.facts["parameters"], report.facts["parameter_bytes"]) == (12, 48)


def test_an_output_that_is_no_tensor_is_warned_of(look):
    x = helper.make_tensor_value_info("x", TensorProto.INT64, [1])
    y = helper.make_value_info(
        "y", helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.INT64, None))
    )
    report = look({"m.onnx": graph_bytes([x], [y], [helper.make_node("SequenceConstruct", ["x"], ["y"])])})
    assert report.signature["outputs"][0]["datatype"] == "SEQUENCE"
    assert report.warnings[0].startswith("The output y is a sequence, not a tensor.")


def test_operators_of_unknown_domains_are_warned_of(look):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    node = helper.make_node("Magic", ["x"], ["y"], domain="org.wizards")
    report = look({"m.onnx": graph_bytes([x], [y], [node], opsets=[("", 17), ("org.wizards", 1)])})
    assert report.warnings == ["It uses operators of org.wizards, which a standard runtime lacks."]
    assert report.facts["operators"] == {"org.wizards.Magic": 1}


def test_an_unknown_operator_of_the_main_domain_is_refused(look):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    with pytest.raises(Refused) as said:
        look({"m.onnx": graph_bytes([x], [y], [helper.make_node("NoSuchThing", ["x"], ["y"])])})
    assert said.value.code == "onnx_invalid"
    assert "NoSuchThing" in said.value.message


def with_external_data(location, *, length=48):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])
    return graph_bytes([x], [y], [helper.make_node("MatMul", ["x", "w"], ["y"])], initializer=[tensor])


def test_weights_beside_the_graph_are_found(look):
    report = look({"net/m.onnx": with_external_data("w.bin"), "net/w.bin": bytes(48)})
    assert report.facts["external_data"] == ["w.bin"]
    assert report.facts["main_file"] == "net/m.onnx"
    assert report.facts["parameters"] == 12


@pytest.mark.parametrize(
    ("location", "files", "code"),
    [
        ("w.bin", {}, "onnx_external_data_missing"),
        ("w.bin", {"net/w.bin": bytes(40)}, "onnx_external_data_truncated"),
        ("../w.bin", {"w.bin": bytes(48)}, "onnx_external_data_outside"),
        ("/etc/passwd", {}, "onnx_external_data_outside"),
        ("", {}, "onnx_external_data_outside"),
    ],
)
def test_weights_that_are_missing_or_elsewhere_are_refused(look, location, files, code):
    with pytest.raises(Refused) as said:
        look({"net/m.onnx": with_external_data(location), **files})
    assert said.value.code == code


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, len(onnx_bytes()) - 1))
def test_onnx_cut_anywhere_is_refused(look, length):
    with pytest.raises(Refused):
        look({"m.onnx": onnx_bytes()[:length]})


# --- others ---------------------------------------------------------------------------------------


def test_onnx_is_known_by_its_content(look):
    report = look({"weights.bin": onnx_bytes(), "README.md": b"words"})
    assert (report.framework, report.facts["main_file"]) == ("onnx", "weights.bin")


class Evil:
    def __reduce__(self):
        return os.system, ("echo pwned",)


def test_pickles_are_read_and_never_loaded(look):
    report = look({"model.pkl": pickle.dumps(Evil())})
    assert report.framework == "custom"
    assert report.warnings == ["Loading this file would run posix.system. Deploy it only if you trust it."]


PACKINGS = {
    "plain": bytes,
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.fixture(scope="module")
def forest():
    """A fitted scikit-learn pipeline, as joblib and as pickle bytes."""
    joblib = pytest.importorskip("joblib")
    pytest.importorskip("sklearn")
    from sklearn.ensemble import RandomForestClassifier  # optional: only where scikit-learn is installed
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), RandomForestClassifier(5)).fit(np.eye(4), [0, 1, 0, 1])
    out = io.BytesIO()
    joblib.dump(model, out)
    return {"joblib": out.getvalue(), "pickle": pickle.dumps(model), "old": pickle.dumps(model, protocol=2)}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("writer", ["joblib", "pickle", "old"])
def test_scikit_learn_is_known_through_every_packing(look, forest, packing, writer):
    import sklearn  # optional: the fixture has made sure of it

    report = look({"model.bin": PACKINGS[packing](forest[writer])})
    assert (report.framework, report.framework_version) == ("scikit-learn", sklearn.__version__)
    assert "sklearn.pipeline.Pipeline" in report.facts["globals"]


def zip_of(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def safetensors(end=16, size=16):
    header = {"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, end]}, "__metadata__": {"format": "pt"}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(size)


TORCH = zip_of({"m/data.pkl": b"\x80\x02ccollections\nOrderedDict\n.", "m/data/0": b"1234", "m/version": b"3"})
KERAS = zip_of({"config.json": b'{"class_name": "Sequential", "config": {"layers": [1, 2]}}'}
               | {"metadata.json": b'{"keras_version": "3.15.0"}', "model.weights.h5": b"x"})  # fmt: skip
XGBOOST = json.dumps({"learner": {"objective": {"name": "binary:logistic"}}, "version": [3, 2, 0]}).encode()


@pytest.mark.parametrize(
    ("files", "framework", "version"),
    [
        ({"weights.bin": TORCH}, "pytorch", ""),
        ({"net.bin": KERAS}, "keras", "3.15.0"),
        ({"old.h5": b"\x89HDF\r\n\x1a\n" + bytes(50) + b"keras_version"}, "keras", ""),
        ({"data.h5": b"\x89HDF\r\n\x1a\n" + bytes(50)}, "custom", ""),
        ({"w.bin": safetensors()}, "safetensors", ""),
        ({"model.json": XGBOOST}, "xgboost", "3.2.0"),
        ({"model.txt": b"tree\nversion=v4\nnum_class=1\n"}, "lightgbm", ""),
        ({"model.cbm": b"CBM1" + bytes(10)}, "catboost", ""),
        ({"m/saved_model.pb": b"\x08\x01\x12\x00", "m/variables/variables.index": bytes(9)}, "tensorflow", ""),
        ({"notes.txt": "Grüße\n".encode()}, "custom", ""),
        ({"x.bin": bytes(range(256))}, "custom", ""),
        ({"x.gz": gzip.compress(b"a,b\n1,2\n")}, "custom", ""),
    ],
)
def test_formats_are_known_by_their_content(look, files, framework, version):
    report = look(files)
    assert (report.framework, report.framework_version) == (framework, version)
    assert report.facts["main_file"] == next(iter(files))


def test_a_safetensors_file_that_breaks_off_is_refused(look):
    with pytest.raises(Refused) as said:
        look({"w.safetensors": safetensors(end=16, size=8)})
    assert said.value.code == "safetensors_truncated"


def test_the_main_file_is_the_likeliest_one(look):
    files = {
        "score.py": b"def init(): ...",
        "config.json": b"{}",
        "data/old/model.onnx": onnx_bytes(),
        "encoder.onnx": onnx_bytes(),
        "model.onnx": onnx_bytes([("best", TensorProto.FLOAT, [1])]),
        "labels.txt": b"a\nb\n",
    }
    report = look(files)
    assert report.facts["main_file"] == "model.onnx"
    assert report.warnings == ["3 files look like a model; model.onnx was taken."]


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_are_refused_or_unknown_and_never_crash_the_readers(look, data):
    whole = data.draw(st.sampled_from([TORCH, KERAS, safetensors(), XGBOOST, onnx_bytes(), pickle.dumps(Evil())]))
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Refused):
        assert look({"model.bin": bytes(damaged)[: data.draw(st.integers(1, len(damaged)))]}).framework


def test_a_version_of_many_files_is_laid_out_as_it_was_sent(inspected):
    version = inspected({"net/m.onnx": with_external_data("w.bin"), "net/w.bin": bytes(48), "README.md": b"hi"})
    assert (version.state, version.facts["main_file"]) == ("ready", "net/m.onnx")


def test_the_factory_makes_what_inspection_would(workspace, inspected):
    made, seen = make_version(workspace, name="digits"), inspected({"model.onnx": onnx_bytes()})
    assert (made.state, made.framework, made.signature) == (seen.state, seen.framework, seen.signature)
    assert onnx.load_from_string(onnx_bytes()).graph.name == seen.facts["graph"]
