"""Docker drivers over this machine's engine, with images of a stand-in for the scoring server."""

import json
import urllib.request
from dataclasses import replace
from pathlib import Path

from deployments.builds.images.archive import image_archive
from deployments.builds.images.image_config import Base, image_config
from deployments.builds.images.layers import Layer, files_below
from deployments.engines import EngineClient
from deployments.targets.docker.driver import DockerDriver
from deployments.targets.docker.names import Owner
from deployments.targets.docker.target_settings import DockerSettings, read_settings
from deployments.targets.unix_sockets import connect

STAND_IN = Path(__file__).parent / "standin" / "scoring"
PYTHON = "/usr/bin/python3"


def stand_in_image(engine: EngineClient, base_id: str, label: str, entrypoint: str = PYTHON, **files: bytes) -> str:
    """The id of an image whose server is the stand-in."""
    base = Base.of(engine.inspect_image(base_id))
    layers = [Layer("stand-in", files_below(STAND_IN, "opt/slipway/library/scoring") | files)]
    name, _, value = label.partition("=")
    settings = {
        "Entrypoint": [entrypoint, "-m", "scoring"],
        "Env": ["PYTHONPATH=/opt/slipway/library", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"],
        "User": "65532:65532",
        "Labels": {name: value},
    }
    config = image_config(base, layers, settings)
    problems = [event for event in engine.load_image(image_archive(config, layers)) if "error" in event]
    assert not problems
    return config.image_id


def docker_driver(root: Path, studio: str, target: int = 1, settings: DockerSettings | None = None) -> DockerDriver:
    return DockerDriver(settings or read_settings({}), Owner(studio, target), root / str(target))


def container_of(engine: EngineClient, spec, number: int = 1) -> str:
    """Id of a replica's container, whatever its state."""
    chosen = [f"slipway.instance={spec.ref.instance_id}", f"slipway.replica={number}"]
    [found] = engine.containers(all=True, filters={"label": chosen})
    return found["Id"]


def ask(driver: DockerDriver, spec, path: str = "/told") -> dict:
    """The stand-in's report about itself."""
    replica = driver.observe(spec.ref).replicas[0]
    address = replica.endpoints[0].address
    if address.startswith("http"):
        with urllib.request.urlopen(address + path, timeout=5) as answer:
            return json.load(answer)
    with connect(address.removeprefix("unix:"), replica.user, 5) as opened:
        opened.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b"".join(iter(lambda: opened.recv(65536), b""))
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def behaving(spec, behaviour: str, **changes):
    return replace(spec, environment_variables={"BEHAVIOUR": behaviour}, **changes)
