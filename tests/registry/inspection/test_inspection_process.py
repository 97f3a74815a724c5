"""The sandbox of an inspection: what its process cannot see or do."""

import json
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from registry.inspection.bounded_process import ProcessResult, run_bounded
from registry.inspection.inspections import PROGRAM
from registry.inspection.result import Rejected, finding_of
from registry.inspection.room import Room, without_network
from registry.inspection.warm_process import WarmProgram
from studio.sandbox.levels import Walls
from tests.registry.factories import onnx_bytes


@pytest.fixture(params=["forked", "started"])
def run(request, tmp_path):
    """`run(source)` runs these lines as the program: forked from a server, and started by itself."""
    programs, room = [], Room(tmp_path, walls=Walls)

    def once(source, *, seconds=10.0):
        program = tmp_path / "program.py"
        program.write_text(PROGRAM_OF.format(body=textwrap.indent(source, "    ")))
        if request.param == "started":
            return run_bounded(program, [], folder=tmp_path, seconds=seconds, room=room)
        programs.append(WarmProgram(program, lambda: room))
        return programs[-1].run([], folder=tmp_path, seconds=seconds)

    yield once
    for program in programs:
        program.close()


PROGRAM_OF = """
def preload():
    pass

def main():
{body}

if __name__ == "__main__":
    main()
"""


def test_process_has_no_secrets_of_the_studio(run, tmp_path, monkeypatch):
    monkeypatch.setenv("SLIPWAY_SECRET_KEY", "secret")
    ended = run("import os, json; print(json.dumps([dict(os.environ), os.getcwd()]))")
    environment, folder = json.loads(ended.output)
    assert "SLIPWAY_SECRET_KEY" not in environment
    assert folder == str(tmp_path)


def test_process_has_no_network_where_namespaces_are_available(run):
    if not without_network():
        pytest.skip("this system lets nobody take the network away")
    ended = run("print(len(open('/proc/net/dev').read().splitlines()))")
    assert ended.output.strip() == b"3"  # two lines of heading, and loopback


def test_child_processes_end_with_the_process(run):
    source = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    pid = int(run(source).output)
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} goes on")


HOOKED = """
import sys
sys.path.insert(0, {root!r})
from registry.inspection.inspect_file import refuse
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
def test_forbidden_operations_of_the_process_are_rejected(run, attempt):
    root = str(PROGRAM.parents[2])
    ended = run(HOOKED.format(root=root, attempt=attempt))
    assert ended.output.startswith(b"the inspection program does not"), ended.errors


KNOWS = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from registry.inspection import inspect_file
assert inspect_file.inspect(Path({folder!r}), "")["framework"] == "onnx"
print([name for name in sys.modules if name.split(".")[0] in ("django", "celery", "studio")])
"""


def test_process_does_not_import_django(tmp_path):
    (tmp_path / "model.onnx").write_bytes(onnx_bytes())
    script = KNOWS.format(folder=str(tmp_path), root=str(PROGRAM.parents[2]))
    printed = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed == "[]\n"


def test_crash_of_the_process_rejects_the_version_with_evidence():
    with pytest.raises(Rejected) as said:
        finding_of(ProcessResult(-signal.SIGSEGV, b"", "Fatal Python error"), seconds=5)
    assert said.value.code == "inspection_crashed"
    assert "Fatal Python error" in said.value.evidence
    with pytest.raises(Rejected) as said:
        finding_of(ProcessResult(-signal.SIGXCPU, b"", ""), seconds=5)
    assert said.value.code == "inspection_timeout"


HALF = b'{"framework": "onnx", "facts": {"runtime": {"version": "1.2", "loads": %s}, "warnings": ["w"]}}\n{"fram'


@pytest.mark.parametrize(("loads", "did"), [(b"null", "loading it"), (b"true", "running made-up rows")])
def test_crash_of_the_runtime_keeps_earlier_findings_and_adds_a_warning(loads, did):
    found = finding_of(ProcessResult(-signal.SIGSEGV, HALF % loads, ""), seconds=5)
    assert (found.framework, found.facts["warnings"][0]) == ("onnx", "w")
    assert found.facts["warnings"][1].startswith(f"ONNX Runtime 1.2 crashed (SIGSEGV) while {did}")


@pytest.mark.parametrize("code", [None, -signal.SIGXCPU, -signal.SIGKILL, -signal.SIGABRT, 1])
def test_trial_ended_by_a_limit_keeps_earlier_findings(code):
    found = finding_of(ProcessResult(code, HALF % b"null", ""), seconds=5)
    assert (found.framework, found.facts["warnings"]) == ("onnx", ["w"])


def test_findings_can_be_stored_on_every_database():
    found = finding_of(ProcessResult(0, b'{"facts": {"producer": "tests\\u0000"}}', ""), seconds=5)
    assert found.facts == {"producer": "tests\N{REPLACEMENT CHARACTER}"}


def test_onnxruntime_writes_no_device_id_file(run, tmp_path):
    ended = run("import onnxruntime", seconds=60)
    assert ended.code == 0, ended.errors
    assert [path.name for path in tmp_path.iterdir()] == ["program.py"]
