"""Services on a Docker engine behind the front, from a model file to nothing left: built, scored, updated under load,
killed, scaled, tried to break out of, and removed."""

import os
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from docker.errors import APIError

from deployments.engines import EngineClient
from deployments.targets.docker.names import STUDIO
from tests.docker_engine import BASE_IMAGE, base_image, engine  # noqa: F401 - fixtures
from tests.engine_client import engine_here, remove_labelled
from tests.rest import Rest
from tests.stack import ROOT, Stack, free_port, wait_for
from tests.wrk import CONNECTIONS, Wrk

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
MODEL = ROOT / "samples" / "iris" / "model.onnx"
ROW = {"data": [[5.1, 3.5, 1.4, 0.2]]}
SECONDS = 150
SCRIPT = """
import json, os, socket
import six

def init():
    pass

def reaches(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        return True
    except OSError:
        return False

def run(data):
    data = json.loads(data)
    return {
        "six": six.__version__,
        "files": [path for path in data["files"] if os.path.exists(path)],
        "listed": sorted(os.listdir("/run/slipway")),
        "reached": [address for address in data["addresses"] if reaches(address)],
        "uid": os.getuid(),
        "environment": sorted(name for name in os.environ if "SECRET" in name or "DATABASE" in name),
    }
"""


@pytest.fixture(scope="module")
def rest(tmp_path_factory, base_image) -> Iterator[Rest]:  # noqa: F811 - the fixture
    """A studio with the target `box` and the model iris. What it has made at the engine goes with it."""
    folder = tmp_path_factory.mktemp("stack")
    environ = {"SLIPWAY_FRONT": "1", "SLIPWAY_FRONT_PORT": str(free_port()), "SLIPWAY_BASE_IMAGE": BASE_IMAGE}
    try:
        with Stack(folder, **environ) as stack:
            rest = Rest(stack)
            rest.post("targets", {"name": "box", "kind": "docker"}, 201)
            rest.until_ready(rest.register("iris", MODEL))
            rest.deploy("iris", "iris:1", target="box")
            until_it_answers(rest, "iris", 1)
            yield rest
    finally:
        if (folder / "studio-id").exists():
            remove_labelled(engine_here(), f"{STUDIO}={(folder / 'studio-id').read_text()}")
        made_here = {"label": f"{STUDIO}={zlib.crc32(str(folder).encode()):08x}", "reference": "slipway/service"}
        for image in engine_here().images(filters=made_here):
            with suppress(APIError):  # another studio runs the same content
                engine_here().remove_image(image["Id"])


@pytest.fixture
def client() -> EngineClient:
    return engine_here()


def until_it_answers(rest: Rest, name: str, revision: int) -> float:
    def settled(found: dict) -> bool:
        assert found["state"] != "Failed", found["cause"]
        return (found["state"], found["update"], found["observed_revision"]) == ("Healthy", None, revision)

    return rest.until(f"services/{name}", settled, SECONDS)[1]


def containers(rest: Rest, client: EngineClient, name: str = "iris") -> list[dict]:
    studio = (rest.stack.data / "studio-id").read_text()
    return client.containers(all=True, filters={"label": [f"{STUDIO}={studio}", f"slipway.service={name}"]})


def score(rest: Rest, name: str, body: dict) -> httpx.Response:
    uri, key = rest.get(f"services/{name}")["front_uri"], rest.get(f"services/{name}/keys")["primary"]
    return httpx.post(uri, json=body, headers={"Authorization": f"Bearer {key}"}, timeout=30)


@contextmanager
def load(rest: Rest, folder: Path) -> Iterator[None]:
    """Callers of the front, none of whose requests may get lost."""
    found = rest.get("services/iris")
    callers = Wrk(folder, found["front_uri"], ROW, rest.get("services/iris/keys")["primary"])
    try:
        time.sleep(1)
        yield
        time.sleep(1)
    finally:
        answered, lost = callers.finish()
    sys.stdout.write(f"{answered} requests answered, {lost} lost\n")
    assert answered > CONNECTIONS
    assert lost == 0


def replicas(rest: Rest) -> list[tuple[str, int]]:
    instance = max(rest.get("services/iris")["instances"], key=lambda one: one["revision"])
    return [(one["state"], one["restarts"]) for one in instance["replicas"]]


def scale(rest: Rest, count: int) -> None:
    rest.post("services/iris/scale", {"replicas": count})
    rest.until("services/iris", lambda found: found["state"] == "Healthy" and len(replicas(rest)) == count, SECONDS)


def test_target_says_what_it_is(rest):
    found, _ = rest.until("targets/box", lambda one: one["last_check"]["state"] == "succeeded", SECONDS)
    assert found["last_check"]["problems"] == []
    assert any("no network at all" in fact for fact in found["last_check"]["facts"])


def test_model_answers_through_the_front_alone(rest, client):
    assert score(rest, "iris", ROW).status_code == 200
    found = rest.get("services/iris")
    assert found["scoring_uri"] == found["front_uri"]
    [container] = containers(rest, client)
    assert container["Ports"] == []
    assert list(container["NetworkSettings"]["Networks"]) == ["none"]


def test_page_tries_it(rest):
    assert rest.send("POST", "services/iris/score", json=ROW).status_code == 200


def test_killed_container_is_restored(rest, client):
    [container] = containers(rest, client)
    client.kill(container["Id"])
    rest.until("services/iris", lambda found: replicas(rest) == [("ready", 1)], SECONDS)
    assert score(rest, "iris", ROW).status_code == 200


def test_update_and_scaling_lose_no_request(rest, client, tmp_path):
    with load(rest, tmp_path):
        rest.deploy("iris", "iris:1", overwrite=True, deployment_config={"scoring_timeout_seconds": 30})
        until_it_answers(rest, "iris", 2)
        scale(rest, 2)
        scale(rest, 1)
    assert len([one for one in containers(rest, client) if one["State"] == "running"]) == 1


def test_unchanged_redeploy_builds_nothing_and_is_quick(rest):
    before = rest.get("services/iris")["revision"]
    began = time.monotonic()
    rest.deploy("second", "iris:1", target="box")
    until_it_answers(rest, "second", 1)
    seconds = time.monotonic() - began
    sys.stdout.write(f"a service of a content that is built was Healthy after {seconds:.1f} s\n")
    build = rest.get("services/second/logs?source=build")["text"]
    assert build == ""
    assert rest.get("services/iris")["revision"] == before


def test_studio_that_is_killed_takes_its_containers_over_again(rest, client):
    before = [one["Id"] for one in containers(rest, client)]
    for program in ("quick", "web"):
        rest.stack.kill_and_recover(program)
    until_it_answers(rest, "iris", rest.get("services/iris")["revision"])
    assert [one["Id"] for one in containers(rest, client)] == before
    assert score(rest, "iris", ROW).status_code == 200


def test_entry_script_reaches_nothing_of_the_studio(rest):
    rest.post("environments", {"name": "six", "requirements": ["six==1.16.0"], "python_version": "3.11"}, 201)
    script = rest.upload("score.py", SCRIPT.encode())
    facts = {"name": "spy", "kind": "entry_script", "entry_script": "score.py", "files": [script]}
    rest.post("configs", facts | {"environment": "six:1"}, 201)
    rest.deploy("spy", "iris:1", target="box", config="spy:1")
    until_it_answers(rest, "spy", 1)
    data, port = rest.stack.data, rest.stack.port
    with socket.create_server(("0.0.0.0", 0)) as database:
        places = [f"127.0.0.1:{port}", f"172.17.0.1:{database.getsockname()[1]}", f"{own_address()}:{port}"]
        files = [str(data), str(data / "db.sqlite3"), "/var/run/docker.sock", str(ROOT / "manage.py")]
        answer = score(rest, "spy", {"files": files, "addresses": places})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["six"] == "1.16.0"
    assert (told["files"], told["reached"], told["environment"]) == ([], [], [])
    assert (told["uid"], told["listed"]) == (65532, ["control", "work"])


def test_folder_is_tried_in_a_container_and_sent_again(rest, tmp_path):
    (tmp_path / "score.py").write_text('def init(): pass\ndef run(data): return "first"\n')
    told = slipway(rest, "service", "deploy", "-n", "try", "--source-dir", tmp_path, "--target", "box", "--wait")
    assert told.returncode == 0, told.stderr
    assert rest.get("services/try")["development"]
    assert score(rest, "try", ROW).json() == "first"
    (tmp_path / "score.py").write_text('def init(): pass\ndef run(data): return "second"\n')
    told = slipway(rest, "service", "reload", "try", "--source-dir", tmp_path)
    assert told.returncode == 0, told.stderr
    wait_for(lambda: score(rest, "try", ROW).json() == "second", SECONDS, "the second answer")


def test_deleted_services_leave_nothing(rest, client):
    for name in ("iris", "second", "spy", "try"):
        if rest.send("DELETE", f"services/{name}").status_code < 400:
            wait_for(lambda name=name: rest.send("GET", f"services/{name}").status_code == 404, SECONDS, "its end")
        assert containers(rest, client, name) == []
    assert [path.name for path in (rest.stack.data / "containers").rglob("run.json")] == []


def slipway(rest: Rest, *words: object) -> subprocess.CompletedProcess[str]:
    """The command line."""
    token = rest.headers["Authorization"].removeprefix("Bearer ")
    asked = {"SLIPWAY_URL": rest.stack.address, "SLIPWAY_TOKEN": token, "SLIPWAY_WORKSPACE": "default"}
    command = [sys.executable, "-m", "slipway", *map(str, words)]
    return subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, timeout=SECONDS, check=False)


def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]
