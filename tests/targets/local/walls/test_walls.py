"""What an entry script reaches behind each level of walls: the table that the README promises, a line for each row.

Every level is tried with the real scoring server, as root and as an ordinary user where the tests run as root.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import require

ROOT = Path(__file__).resolve().parents[4]
NOBODY = 65534
NEEDED = {"bubblewrap": "bubblewrap", "landlock": "landlock", "uid": "root", "none": ""}
IDENTITIES = ["root", "nobody"] if os.geteuid() == 0 else ["me"]

CONNECTED = {"connect to a port", "send a datagram", "watch the network's settings"}
OWN = {"write its own folder", "write a temporary file", "read a granted folder", "make many files"}
ALWAYS = OWN | CONNECTED
UNCOUNTED = {"start more tasks than it may"}  # the kernel counts tasks by user
OPEN_TO_ALL = {"read elsewhere", "write elsewhere", "write to a granted folder"}  # by the modes of the files
THE_STUDIO = {
    "read the database",
    "write the database",
    "read the keys of the studio",
    "read the keys of another service",
}
PROCESSES = {"read the environment of the studio", "read the memory of the studio", "signal the studio"}
SHARED = {
    *("write the scoring library", "write the bundle", "write the environment"),
    *("write what the keeper trusts", "write its run settings"),
}
IDENTITY = {"be the user of the studio"}
ROOT_ONLY = {"have a capability"}
NEW_USER = ALWAYS | OPEN_TO_ALL | {"reach an abstract socket", "listen on the port of another service"}

REACHED = {
    ("none", "root"): ALWAYS | UNCOUNTED | THE_STUDIO | PROCESSES | SHARED | IDENTITY | ROOT_ONLY | {"reach the broker"}
    | OPEN_TO_ALL | {"reach an abstract socket", "listen on the port of another service", "gain privileges"},
    ("none", "nobody"): ALWAYS | UNCOUNTED | THE_STUDIO | PROCESSES | SHARED | IDENTITY | {"reach the broker"}
    | OPEN_TO_ALL | {"reach an abstract socket", "listen on the port of another service", "gain privileges"},
    ("uid", "root"): NEW_USER,
    ("landlock", "root"): ALWAYS,
    ("landlock", "nobody"): ALWAYS | UNCOUNTED | IDENTITY | {"reach the broker"},
    ("bubblewrap", "root"): ALWAYS,
    ("bubblewrap", "nobody"): ALWAYS | UNCOUNTED | IDENTITY,
}  # fmt: skip
OF_NEWER_KERNELS = {  # what Landlock keeps from it, by the version that does
    "listen on the port of another service": 4,
    "reach an abstract socket": 6,
    "signal the studio": 6,
}
NESTING = {"none", "uid", "landlock"}  # levels that do not forbid it, where the machine allows it


@cache
def looked(level: str, identity: str, network: str = "full") -> dict:
    folder = Path(tempfile.mkdtemp(prefix="slipway-walls-", dir="/tmp"))  # which every user may enter
    folder.chmod(0o755)
    change, python = [], sys.executable
    if identity == "nobody":
        os.chown(folder, NOBODY, NOBODY)
        change = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        python = interpreter_for_all()
    command = [*change, python, "-B", "-m", "tests.targets.local.walls.stage", str(folder), level, network]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SLIPWAY_DATA": str(folder / "settings"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }
    try:
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=150, check=False
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert ended.returncode == 0, ended.stderr[-4000:]
    return json.loads(ended.stdout.splitlines()[-1])


def interpreter_for_all() -> str:
    """This one's may lie in the home of root, which nobody else can enter."""
    name = f"python3.{sys.version_info.minor}"
    if found := shutil.which(name, path="/usr/bin:/usr/local/bin"):
        return found
    require("system-python", f"{name} of the system is not installed")
    raise AssertionError


@pytest.fixture(params=[(level, identity) for level in NEEDED for identity in IDENTITIES], ids="-".join)
def stage(request):
    """(level, identity, what was found)"""
    level, identity = request.param
    if level == "uid" and identity != "root":
        pytest.skip("only root can start a service as another user")
    found = looked(level, identity)
    if "missing" in found:
        require(NEEDED[level], json.dumps(found["missing"]))
    return level, identity, found


def test_a_script_reaches_what_the_level_says_and_nothing_more(stage):
    level, identity, found = stage
    landlock = found["walls"][2]
    expected = REACHED[level, "nobody" if identity == "me" else identity]
    if level in ("landlock", "bubblewrap"):
        expected = expected | {what for what, since in OF_NEWER_KERNELS.items() if landlock < since}
    reached = {what for what, did in found["reached"].items() if did}
    assert reached - {"nest a user namespace"} == expected
    if level not in NESTING:
        assert "nest a user namespace" not in reached


def test_an_instance_tells_its_level_its_user_and_the_folders_granted_to_it(stage):
    level, identity, found = stage
    walls, user, readable = found["observed"]
    assert walls == level
    assert readable == [found["granted"]]
    assert (user is None) == (identity != "root" or level == "none")


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize("level", ["landlock", "bubblewrap"])
def test_cut_off_from_the_network_it_answers_tells_its_figures_and_connects_to_nobody(level, identity):
    found = looked(level, identity, "none")
    if "missing" in found:
        require(NEEDED[level], json.dumps(found["missing"]))
    if found.get("rightly"):
        require("landlock", found["refused"])
    reached = {what for what, did in found["reached"].items() if did}
    assert reached & CONNECTED == set()
    assert json.loads(json.loads(found["answer"])) == {"data": [1]}
    assert sum(found["windows"]) == 1


@pytest.mark.parametrize("level", ["none", "uid"])
def test_level_that_cannot_cut_off_from_the_network_refuses_to(level):
    found = looked(level, IDENTITIES[0], "none")
    if "missing" in found:
        require(NEEDED[level], json.dumps(found["missing"]))
    assert "this machine cannot keep it from that" in found["refused"]
