"""What opens uploads behind each level of walls: it reaches its own room, and nothing of the studio or of others."""

import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import psutil
import pytest

from registry.errors import WallsMissing
from registry.inspection import bounded_process, inspections, room
from registry.inspection.inspections import CODE
from registry.inspection.inspections import PROGRAM as INSPECTION
from registry.inspection.room import Room, hand_over
from registry.inspection.warm_process import WarmProgram
from registry.models import VersionState
from studio.core.job_runner import run_job
from studio.sandbox.levels import Walls
from studio.sandbox.probe import probe
from tests.conftest import require
from tests.registry.factories import onnx_bytes
from tests.stack import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has walls")

NEEDED = {"bubblewrap": "bubblewrap", "landlock": "landlock", "uid": "root"}
PROGRAM = """
import json, os, signal, subprocess, sys, time

def preload():
    pass

def main(source):
    exec(source, globals())

if __name__ == "__main__":
    main(*sys.argv[1:])
"""
REACH = """
def works(attempt):
    try:
        return bool(attempt())
    except OSError:
        return False

print(json.dumps({{
    "read own": works(lambda: open({own!r}).read()),
    "write own": works(lambda: open({own!r} + ".new", "w").write("x")),
    "read of others": works(lambda: open({other!r}).read()),
    "signal the studio": works(lambda: os.kill({studio}, 0) is None),
    "network": len(open("/proc/net/dev").read().splitlines()) > 3,
    "user": os.stat({own!r} + ".new").st_uid if os.path.exists({own!r} + ".new") else None,
}}))
works(lambda: open({other!r}, "w").write("x"))  # behind bubblewrap this makes a file that nobody else sees
"""


@cache
def offered(level):
    return probe(level)


@pytest.fixture(params=list(NEEDED))
def walls(request):
    if request.param == "uid" and os.geteuid() != 0:
        pytest.skip("only root can start a program as another user")
    found = offered(request.param)
    if found.level != request.param:
        require(NEEDED[request.param], json.dumps(dict(found.missing)))
    return found


@pytest.fixture
def folder(tmp_path, walls):
    """The room of the program."""
    own = tmp_path / "room"
    own.mkdir()
    (own / "program.py").write_text(PROGRAM)
    (own / "model.bin").write_text("weights")
    hand_over(own, walls)
    return own


@pytest.fixture(params=["forked", "started"])
def run(request, folder, walls):
    """`run(source)` has the program execute the source: forked from a server, and started by itself."""
    own = Room(folder, walls=lambda: walls)
    warm = WarmProgram(folder / "program.py", lambda: own)

    def once(source, seconds=30.0):
        if request.param == "started":
            return bounded_process.run_bounded(
                folder / "program.py", [source], folder=folder, seconds=seconds, room=own
            )
        return warm.run([source], folder=folder, seconds=seconds)

    yield once
    warm.close()


def test_program_reaches_its_own_room_and_nothing_else(run, folder, walls, tmp_path):
    other = tmp_path / "other"
    other.write_text("of another workspace")
    other.chmod(0o600)
    ended = run(REACH.format(own=str(folder / "model.bin"), other=str(other), studio=os.getpid()))
    reached = json.loads(ended.output)
    assert reached.pop("network") is (not room.without_network() and walls.level != "bubblewrap")
    user = reached.pop("user")
    if walls.level == "landlock" and walls.landlock < 6:
        reached.pop("signal the studio")
    assert {what for what, did in reached.items() if did} == {"read own", "write own"}
    assert other.read_text() == "of another workspace"
    assert (folder / "model.bin.new").stat().st_uid == (room.user_of_inspections(walls) or os.geteuid())
    assert user is not None


@pytest.mark.parametrize(
    ("source", "code"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV)]
)
def test_exit_of_the_program_is_reported_through_the_walls(run, source, code):
    if source.startswith("os.kill"):
        source = "import ctypes; ctypes.string_at(0)"  # which the first process of a namespace dies of, too
    assert run(source).code == code


def test_program_and_what_it_started_are_gone_when_its_time_is_up(run, folder):
    hides = "subprocess.Popen(['sleep', '4711'], start_new_session=True); time.sleep(600)"
    assert run(hides, seconds=2).code is None

    def left():
        return [process.pid for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == SLEEPER]

    wait_for(lambda: not left(), 10, "the end of what the program started")


SLEEPER = ["sleep", "4711"]
OWNER = """
import os, time
from pathlib import Path
from registry.inspection.room import Room
from registry.inspection.warm_process import WarmProgram
from studio.sandbox.probe import probe
walls, folder = probe({level!r}), Path({folder!r})
source = "open('begun', 'w').close(); subprocess.Popen(['sleep', '4712']); time.sleep(600)"
WarmProgram(folder / "program.py", lambda: Room(folder, walls=lambda: walls)).run([source], folder=folder, seconds=600)
"""


def test_program_ends_with_a_killed_worker(folder, walls):
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-c", OWNER.format(level=walls.level, folder=str(folder))]
    owner = subprocess.Popen(command, env=environment, cwd=INSPECTION.parents[2])
    try:
        wait_for((folder / "begun").exists, 60, "a run under way")
        family = psutil.Process(owner.pid).children(recursive=True)
        assert len(family) >= 3
    finally:
        owner.kill()
        owner.wait()
    _, alive = psutil.wait_procs(family, 10)
    assert [process.pid for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_model_is_inspected_behind_every_level(folder, walls):
    (folder / "files").mkdir()
    (folder / "files" / "model.onnx").write_bytes(onnx_bytes())
    hand_over(folder, walls)
    program = WarmProgram(INSPECTION, lambda: Room(folder, CODE, lambda: walls))
    ended = program.run([str(folder / "files"), str(4 * 1024**3), "60", ""], folder=folder, seconds=120)
    program.close()
    found = json.loads(ended.output.splitlines()[-1])
    assert (found["framework"], found["facts"]["runtime"]["loads"]) == ("onnx", True), ended.errors


def test_nothing_is_opened_behind_less_than_the_settings_ask_for(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "missing_walls", lambda: "SLIPWAY_REQUIRE_WALLS asks for bubblewrap.")
    with pytest.raises(WallsMissing, match="asks for bubblewrap"):
        bounded_process.run_bounded(INSPECTION, [], folder=tmp_path, seconds=5, room=Room(tmp_path, walls=Walls))


@pytest.mark.django_db
def test_version_is_rejected_where_the_walls_are_missing(registered, monkeypatch):
    monkeypatch.setattr(room, "missing_walls", lambda: "SLIPWAY_REQUIRE_WALLS asks for bubblewrap.")
    version = registered({"model.onnx": onnx_bytes()})
    inspections.INSPECTOR.close()
    run_job("inspection", version.inspections.get().pk)
    version.refresh_from_db()
    assert (version.state, version.rejection["code"]) == (VersionState.REJECTED, "walls_missing")


def test_keeper_that_cannot_build_the_walls_is_an_error_and_no_verdict(tmp_path):
    walls = Walls("bubblewrap", missing={})
    nowhere = Room(tmp_path, (Path("/does/not/exist"),), lambda: walls)
    with pytest.raises(WallsMissing, match="could not be started behind walls"):
        bounded_process.run_bounded(INSPECTION, [], folder=tmp_path, seconds=30, room=nowhere)
