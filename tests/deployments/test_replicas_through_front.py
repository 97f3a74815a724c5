"""A service in several replicas behind the front: more and fewer of them, and killed ones, lose no request."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import require
from tests.rest import Rest
from tests.stack import ROOT, Stack, free_port
from tests.wrk import CONNECTIONS, Wrk

pytestmark = pytest.mark.stack
MODEL = ROOT / "samples" / "iris" / "model.onnx"
ROW = {"data": [[5.1, 3.5, 1.4, 0.2]]}
SECONDS = 120


@pytest.fixture(scope="module")
def rest(tmp_path_factory) -> Iterator[Rest]:
    """iris behind the front, in one replica."""
    if shutil.which("wrk") is None:
        require("wrk", "it is not installed")
    folder = tmp_path_factory.mktemp("stack")
    with Stack(folder, SLIPWAY_FRONT="1", SLIPWAY_FRONT_PORT=str(free_port())) as stack:
        rest = Rest(stack)
        version = rest.register("iris", MODEL)
        rest.until_ready(version)
        rest.deploy("iris", version)
        rest.until("services/iris", lambda found: found["state"] == "Healthy", SECONDS)
        yield rest


@pytest.fixture
def clients(rest: Rest, tmp_path: Path) -> Iterator[Wrk]:
    """Callers of the front, none of whose requests may get lost."""
    found = rest.get("services/iris")
    clients = Wrk(tmp_path, found["front_uri"], ROW, rest.get("services/iris/keys")["primary"])
    try:
        yield clients
    finally:
        answered, lost = clients.finish()
    sys.stdout.write(f"{answered} requests answered, {lost} lost\n")
    assert answered > CONNECTIONS
    assert lost == 0


def replicas(rest: Rest) -> dict[int, dict]:
    (instance,) = rest.get("services/iris")["instances"]
    return {one["number"]: one for one in instance["replicas"]}


def scale(rest: Rest, count: int) -> float:
    """The seconds until as many replicas are ready, and no more are there."""
    rest.post("services/iris/scale", {"replicas": count})

    def reached(found: dict) -> bool:
        states = [one["state"] for one in found["instances"][0]["replicas"]]
        return found["state"] == "Healthy" and states == ["ready"] * count

    return rest.until("services/iris", reached, SECONDS)[1]


def servers(stack: Stack) -> dict[int, int]:
    """The process of each replica's server, by number of replica; above it are only walls."""
    found = {}
    for process in stack.processes():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if "-m" in command and command[command.index("-m") + 1] == "scoring" and "bwrap" not in command[0]:
            run = Path(next(part for part in command if part.endswith("run.json")))
            number = int(run.parts[-3]) if run.parts[-4] == "replicas" else 1
            found.setdefault(number, process.pid)
    return found


def test_scaling_from_one_to_four_and_back_loses_no_request(rest: Rest, clients: Wrk) -> None:
    up = scale(rest, 4)
    rest.stack.kill("quick")
    down = scale(rest, 1)
    sys.stdout.write(f"four replicas after {up:.1f} s, one after {down:.1f} s and a killed worker\n")


def test_killed_replica_of_three_comes_back_and_the_others_stay(rest: Rest, clients: Wrk) -> None:
    scale(rest, 3)
    before = replicas(rest)
    os.kill(servers(rest.stack)[2], signal.SIGKILL)

    def is_back(found: dict) -> bool:
        rows = found["instances"][0]["replicas"]
        return [(one["state"], one["restarts"]) for one in rows] == [("ready", 0), ("ready", 1), ("ready", 0)]

    rest.until("services/iris", is_back, SECONDS)
    after = replicas(rest)
    assert [after[number]["started_at"] == before[number]["started_at"] for number in (1, 2, 3)] == [True, False, True]
