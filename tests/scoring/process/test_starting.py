"""Every way a start can fail has its reason, a sentence and evidence."""

import socket

import pytest

from tests.scoring.conftest import double_model

FINE = "def init():\n    pass\ndef run(data):\n    return data\n"


@pytest.mark.parametrize(
    ("script", "reason", "message", "evidence"),
    [
        ("def run(data):\n    return data\n", "script_missing", "no function init()", ""),
        ("def init():\n    pass\n", "script_missing", "no function run()", ""),
        ("def init(:\n", "script_invalid", "does not parse", "SyntaxError"),
        (FINE.replace("(data)", "(a, b)"), "script_invalid", "one parameter", ""),
        (FINE.replace("(data)", "(*data)"), "script_invalid", "one parameter", ""),
        (FINE.replace("(data)", "()"), "script_invalid", "one parameter", ""),
        ("import no_such_module\n" + FINE, "import_missing", "no_such_module", "Traceback"),
        (FINE.replace("pass", "import no_such_module"), "import_missing", "no_such_module", "Traceback"),
        (FINE.replace("pass", "open('nowhere')"), "init_failed", "FileNotFoundError", "weights.txt"),
        (FINE.replace("pass", "raise SystemExit('no')"), "init_failed", "SystemExit: no", "weights.txt"),
        ("1 / 0\n" + FINE, "init_failed", "ZeroDivisionError", "Traceback"),
        (FINE.replace("pass", "import os; os._exit(9)"), "worker_crashed", "exit code 9", "starting"),
        (FINE.replace("pass", "import os; os.abort()"), "worker_crashed", "SIGABRT", "init"),
    ],
)
def test_script_failing_to_load_reports_reason_and_evidence(replica, script, reason, message, evidence):
    failure = replica.with_script(script).fail_to_start()
    assert failure["reason"] == reason
    assert message in failure["message"]
    assert evidence in failure.get("evidence", "")


def test_missing_script_is_reported_by_name(replica):
    replica.with_script(FINE)
    (replica.bundle / "source" / "score.py").rename(replica.bundle / "source" / "main.py")
    failure = replica.fail_to_start()
    assert (failure["reason"], "main.py" in failure["evidence"]) == ("script_missing", True)


@pytest.mark.parametrize("content", [b"", b"this is text", None])
def test_invalid_model_file_is_reported_by_name(replica, content):
    def broken(path):
        whole = double_model(path).read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if content is None else content)

    failure = replica.with_models(iris=broken).fail_to_start()
    assert failure["reason"] == "model_invalid"
    assert "iris:1" in failure["message"]
    assert "model.onnx" in failure["evidence"]


def test_missing_model_file_is_reported_as_an_invalid_model(replica):
    replica.with_models(iris=double_model)
    (replica.bundle / "models" / "iris" / "1" / "model.onnx").unlink()
    assert replica.fail_to_start()["reason"] == "model_invalid"


def test_taken_port_is_reported_with_its_holder(replica):
    replica.with_models(double=double_model)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", replica.port))
        holder.listen()
        failure = replica.fail_to_start()
    assert failure["reason"] == "port_taken"
    assert str(replica.port) in failure["message"]


def test_port_freed_shortly_after_start_is_used(replica):
    replica.with_models(double=double_model)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", replica.port))
        holder.listen()
        replica.launch()
        replica.until(lambda: "starting" in replica.log())
    replica.wait_for("ready")


def test_two_revisions_with_share_port_overlap(replica, tmp_path):
    from tests.scoring.conftest import Replica

    replica.with_models(double=double_model).start(share_port=True)
    newer = Replica(tmp_path / "newer").with_models(double=double_model)
    try:
        newer.start(share_port=True, port=replica.port)
        assert replica.stop() == 0
        assert replica.score({"data": [[1, 2, 3, 4]]}).status_code == 200
    finally:
        newer.close()


def test_hung_start_fails_at_its_deadline_with_stacks(replica):
    script = FINE.replace("pass", "import time; time.sleep(60)")
    failure = replica.with_script(script).fail_to_start(start_deadline_seconds=1.5)
    assert failure["reason"] == "start_timeout"
    assert "1.5 s" in failure["message"]
    assert "in init" in failure["evidence"]


@pytest.mark.parametrize("amount", ["bytearray(8 * 2**30)", "[bytes([1]) * 2**24 for _ in range(20)]"])
def test_script_beyond_memory_at_load_is_reported_as_out_of_memory(replica, amount):
    script = FINE.replace("pass", f"import time; global kept; kept = {amount}; time.sleep(3)")
    failure = replica.with_script(script).fail_to_start(memory_bytes=256 * 2**20)
    assert failure["reason"] == "out_of_memory"


def test_unreadable_bundle_is_an_internal_failure(replica):
    (replica.bundle / "bundle.json").write_text("{}")
    assert replica.fail_to_start()["reason"] == "internal"


def test_status_file_identifies_process_and_revision(replica):
    replica.with_models(double=double_model).start(recipe="r1")
    status = replica.status()
    assert (status["pid"], status["revision"], status["recipe"]) == (replica.process.pid, 3, "r1")
    assert (status["port"], status["state"]) == (replica.port, "ready")
    assert status["started_at"] <= status["ready_at"]
    assert replica.stop() == 0
    assert replica.status()["state"] == "stopping"


def test_unavailable_provider_is_logged_and_replaced_by_the_cpu(replica):
    replica.with_models(double=double_model).start(providers=["cuda", "cpu"])

    assert replica.score({"data": [[1, 2, 3, 4]]}).json() == {"data": [[2, 4, 6, 8]]}
    assert "cuda is asked for, but the environment lacks it: add onnxruntime-gpu to it" in replica.log()


SHOW = """
import os, sys
def init(): pass
def run(data): return {"shown": os.environ["THRESHOLD"], "mode": sys.flags.utf8_mode}
"""


def test_variables_of_the_settings_are_set_before_anything_begins(replica):
    replica.with_script(SHOW).start(environment={"THRESHOLD": "0.5", "PYTHONUTF8": "1"})
    assert replica.score({}).json() == {"shown": "0.5", "mode": 1}
