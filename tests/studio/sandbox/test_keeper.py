"""The keeper as a program: signals, exit codes, orphans, and what it keeps to itself."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from studio.sandbox.keeper import _rotate
from studio.sandbox.levels import Walls
from studio.sandbox.plan import Plan
from studio.sandbox.request import Keeping, keeper_command, request

PATIENCE_SECONDS = 20.0


def plan(folder: Path, source: str, **more) -> Plan:
    """A Python program."""
    return Plan(
        (sys.executable, "-I", "-S", "-c", source), {"PATH": "/usr/bin:/bin"}, folder, writable=(folder,), **more
    )


def run(folder: Path, source: str, **more) -> subprocess.CompletedProcess:
    asked = request(plan(folder, source, **more), Walls())
    return subprocess.run(keeper_command(), input=asked, capture_output=True, timeout=PATIENCE_SECONDS, check=False)


def start(folder: Path, source: str, **keeping) -> subprocess.Popen:
    """Until the program has written `up`; its standard output is the keeper's."""
    keeper = subprocess.Popen(keeper_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    keeping.setdefault("processes", folder / "processes")
    keeper.stdin.write(request(plan(folder, source), Walls(), Keeping(exit=folder / "exit", **keeping)))
    keeper.stdin.close()
    assert keeper.stdout.readline() == b"up\n"
    return keeper


def until(condition):
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    except FileNotFoundError:
        return True


WAITS = "import time; print('up', flush=True); time.sleep(600)"
HANDLES = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
signal.signal(signal.SIGHUP, lambda *_: os.write(1, b'looked\\n'))
print('up', flush=True)
while True: time.sleep(600)
"""
DETACHES = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), file=open('detached', 'w'), flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists('detached') or not open('detached').read(): time.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("source", "code"), [("", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)]
)
def test_the_exit_code_is_the_programs(tmp_path, source, code):
    assert run(tmp_path, source).returncode == code


def test_a_program_that_does_not_exist_is_told_from_one_that_failed(tmp_path):
    asked = request(Plan(("/nowhere/program",), {}, tmp_path), Walls())
    assert subprocess.run(keeper_command(), input=asked, stderr=subprocess.DEVNULL, check=False).returncode == 127


def test_what_detached_itself_has_ended_before_the_keeper_has(tmp_path):
    assert run(tmp_path, DETACHES).returncode == 0
    assert is_gone(int((tmp_path / "detached").read_text()))


def test_the_polite_signal_is_the_programs_once_it_has_begun(tmp_path):
    (tmp_path / "begun").touch()
    keeper = start(tmp_path, HANDLES, begun=tmp_path / "begun")
    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait(PATIENCE_SECONDS) == 7
    assert (tmp_path / "exit").read_text() == "7\n"


def test_a_program_that_has_not_begun_is_killed_at_the_polite_signal(tmp_path):
    keeper = start(tmp_path, HANDLES, begun=tmp_path / "begun")
    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait(PATIENCE_SECONDS) == 137


def test_the_call_to_look_is_passed_on(tmp_path):
    (tmp_path / "begun").touch()
    keeper = start(tmp_path, HANDLES, begun=tmp_path / "begun")
    keeper.send_signal(signal.SIGHUP)
    assert keeper.stdout.readline() == b"looked\n"
    keeper.send_signal(signal.SIGQUIT)
    assert keeper.wait(PATIENCE_SECONDS) == 137


def test_the_program_ends_with_a_keeper_that_is_killed(tmp_path):
    keeper = start(tmp_path, WAITS)
    program = json.loads((tmp_path / "processes").read_text())["program"]
    keeper.kill()
    keeper.wait()
    until(lambda: is_gone(program))


def test_an_attached_keeper_ends_with_who_started_it(tmp_path):
    source = (
        "import subprocess, sys, time\n"
        f"sys.path.insert(0, {os.getcwd()!r})\n"
        "from pathlib import Path\n"
        "from tests.studio.sandbox.test_keeper import start, WAITS\n"
        f"start(Path({str(tmp_path)!r}), WAITS)\n"
        "print('started', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as starter:
        assert starter.stdout.readline() == b"started\n"
        known = json.loads((tmp_path / "processes").read_text())
        starter.kill()
    until(lambda: is_gone(known["keeper"]) and is_gone(known["program"]))


def test_a_detached_keeper_outlives_the_thread_that_started_it(tmp_path):
    import threading

    def begin():
        keeping = Keeping(detached=True, processes=tmp_path / "processes", exit=tmp_path / "exit")
        asked = request(plan(tmp_path, "import time; time.sleep(600)"), Walls(), keeping)
        subprocess.run(keeper_command(), input=asked, check=True)

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    known = json.loads((tmp_path / "processes").read_text())
    assert not is_gone(known["program"])
    assert not (tmp_path / "exit").exists()
    os.kill(known["keeper"], signal.SIGQUIT)
    until((tmp_path / "exit").exists)


def test_a_held_descriptor_is_the_keepers_alone(tmp_path):
    source = (
        "import os\n"
        "opened = [os.path.realpath(f'/proc/self/fd/{one}') for one in os.listdir('/proc/self/fd')]\n"
        f"print({str(tmp_path / 'lock')!r} in opened)"
    )
    with (tmp_path / "lock").open("w") as lock:
        asked = request(plan(tmp_path, source), Walls(), Keeping(held=(lock.fileno(),)))
        ended = subprocess.run(keeper_command(), input=asked, capture_output=True, pass_fds=[lock.fileno()], check=True)
    assert ended.stdout == b"False\n"


def test_limits_are_hard(tmp_path):
    source = (
        "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE))"
    )
    assert run(tmp_path, source, limits=(("NOFILE", 64), ("CORE", 0))).stdout == b"(64, 64) (0, 0)\n"


def test_the_program_has_exactly_the_environment_of_its_plan(tmp_path, monkeypatch):
    monkeypatch.setenv("SLIPWAY_SECRET_KEY", "secret")
    told = run(tmp_path, "import os; print(sorted(os.environ))").stdout
    assert told in (b"['PATH']\n", b"['LC_CTYPE', 'PATH']\n")


def test_log_is_emptied_once_it_is_large_and_its_writer_goes_on(tmp_path):
    log = tmp_path / "server.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"before")
        _rotate(str(log), most=6)
        assert log.read_bytes() == b"before"
        _rotate(str(log), most=5)
        writer.write(b"after")
    assert (log.read_bytes(), (tmp_path / "server.log.1").read_bytes()) == (b"after", b"before")
