"""Nothing leaves the machine: no look-ups or connections to the outside, and nothing in home folders."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from scoring.opt_outs import OPT_OUTS
from tests.conftest import require
from tests.stack import ROOT

pytestmark = pytest.mark.stack

# What stops reports, or sends them elsewhere, whatever we do.
HIDE = {"CI", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DATABASE_URL", "REDIS_URL", *OPT_OUTS}
NAMESPACES = (["unshare", "--net", "--mount"], ["unshare", "--user", "--map-root-user", "--net", "--mount"])
TRIAL = "ip link set lo up && ip route add local 0.0.0.0/0 dev lo && mount --bind /etc/hostname /etc/resolv.conf"
LOOK_UP = "import socket\ntry: socket.getaddrinfo('collector.example', 443)\nexcept OSError: pass"
CONNECT = "import socket\ntry: socket.create_connection(('192.0.2.7', 443), 5)\nexcept OSError: pass"


@cache
def own_network() -> list[str]:
    """The command that gives a program a network of its own; empty where this system lets nobody have one."""
    for command in NAMESPACES if shutil.which("unshare") else ():
        if subprocess.run([*command, "sh", "-c", TRIAL], capture_output=True, check=False).returncode == 0:
            return command
    return []


def watched(report: Path, *command: str) -> list[str]:
    return [*own_network(), sys.executable, "-m", "tests.watched_network", str(report), *command]


def run(command: list[str], home: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in HIDE}
    done = subprocess.run(
        command, cwd=ROOT, env=kept | {"HOME": str(home)}, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass
class Job:
    """What a main job left. `reached` is None where the network could not be watched."""

    home: Path
    data: Path
    reached: dict[str, list[str]] | None


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("privacy")
    home, data, report = folder / "home", folder / "studio", folder / "report.json"
    home.mkdir()
    command = [sys.executable, "-m", "tests.main_job", str(folder)]
    run(watched(report, *command) if own_network() else command, home)
    return Job(home, data, json.loads(report.read_text()) if own_network() else None)


def test_main_job_makes_no_dns_queries_and_no_outside_connections(job):
    if job.reached is None:
        require("namespaces", "no network of one's own may be made here; files are checked all the same")
    assert job.reached == {"names": [], "addresses": []}


def test_main_job_leaves_the_home_folder_empty(job):
    assert [str(path) for path in job.home.rglob("*")] == []


def test_services_leave_their_home_folders_empty(job):
    homes = [path for path in job.data.rglob("home") if path.is_dir()]
    assert len(homes) == 2
    assert [str(path) for home in homes for path in home.rglob("*")] == []


def test_data_folder_has_no_device_id_or_telemetry_queue(job):
    assert [str(path) for path in job.data.rglob("*") if path.name in {"Microsoft", ".onnxruntime", "deviceid"}] == []


@pytest.mark.skipif(not own_network(), reason="needs a network of its own, which this system lets nobody make")
@pytest.mark.parametrize(
    ("attempt", "seen"),
    [
        (LOOK_UP, {"names": ["collector.example"], "addresses": []}),
        (CONNECT, {"names": [], "addresses": ["192.0.2.7"]}),
    ],
    ids=["a name", "an address"],
)
def test_watched_network_detects_queries_and_connections(tmp_path, attempt, seen):
    run(watched(tmp_path / "report.json", sys.executable, "-c", attempt), tmp_path)
    assert json.loads((tmp_path / "report.json").read_text()) == seen
