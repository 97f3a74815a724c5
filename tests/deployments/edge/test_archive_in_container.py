"""An archive where there is no network but loopback, and nothing but Python."""

import gzip
import shutil
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import pytest
import yaml

from deployments.edge.archive import write_archive
from tests.docker_engine import TEST_LABEL, base_image, engine  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db
ASK = """
import json, sys, urllib.request
body = json.dumps({"data": [[1.0, 2.0, 3.0, 4.0]]}).encode()
headers = {"Content-Type": "application/json", "Authorization": sys.argv[1]}
request = urllib.request.Request("http://127.0.0.1:5001/score", body, headers)
print(urllib.request.urlopen(request, timeout=5).read().decode())
"""

START = """
import os, time
while not os.path.exists("/go"):
    time.sleep(0.1)
os.execv("/flowers-1/start.sh", ["start.sh", "--work", "/tmp/work"])
"""


@pytest.fixture
def container(engine, base_image, revision):  # noqa: F811 - the fixtures
    """A device with no network: the archive of revision 1 is unpacked in it, and started."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the base image has Python 3.11, and an archive needs that of the studio")
    packed = BytesIO()
    write_archive(revision, packed)
    made = engine.containers.create(
        base_image,
        entrypoint=["python3", "-c"],
        command=[START],
        network_mode="none",
        labels={TEST_LABEL: "edge"},
        user="65532:65532",
    )
    try:
        made.start()
        made.put_archive("/", gzip.decompress(packed.getvalue()))
        assert made.exec_run(["/bin/sh", "-c", ": > /go"], user="0").exit_code == 0
        yield made
    finally:
        made.remove(force=True, v=True)


@pytest.fixture
def composed(engine, base_image, revision):  # noqa: F811 - the fixtures
    """What compose.yaml says of a container, with no network, as Debian's docker.io has no `compose`."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-device-"))  # a container's user does not get into pytest's
    with (folder / "flowers-1.tar.gz").open("w+b") as packed:
        write_archive(revision, packed)
    subprocess.run(["tar", "xf", "flowers-1.tar.gz"], cwd=folder, umask=0o022, check=True)
    folder.chmod(0o755)
    (service,) = yaml.safe_load((folder / "flowers-1" / "compose.yaml").read_text())["services"].values()
    assert service["image"] == "${SLIPWAY_IMAGE:-python:3.11-slim}"
    assert service["ports"] == ["127.0.0.1:5001:5001"]
    made = engine.containers.create(
        base_image,
        entrypoint=service["entrypoint"],
        command=service["command"],
        environment={name: "sesame" for name in service["environment"]},
        user=service["user"],
        volumes={f"{folder}/flowers-1": {"bind": "/archive", "mode": "ro"}},
        read_only=service["read_only"],
        tmpfs=dict.fromkeys(service["tmpfs"], ""),
        cap_drop=service["cap_drop"],
        security_opt=service["security_opt"],
        network_mode="none",
        labels={TEST_LABEL: "edge"},
    )
    assert service["volumes"] == [".:/archive:ro"]
    try:
        made.start()
        yield made
    finally:
        made.remove(force=True, v=True)
        shutil.rmtree(folder)


def test_archive_starts_without_a_network(container):
    assert b'"data"' in answer(container)
    container.reload()
    assert list(container.attrs["NetworkSettings"]["Networks"]) == ["none"]


def test_compose_file_describes_a_container_that_answers_whoever_has_a_key(composed):
    assert b'"data"' in answer(composed, "Bearer sesame")
    refused = composed.exec_run(["python3", "-c", ASK, "Bearer other"])
    assert b"401" in refused.output


def answer(container, credential=""):
    """To one request from inside, as soon as there is one."""
    end = time.monotonic() + 60
    while True:
        asked = container.exec_run(["python3", "-c", ASK, credential])
        if asked.exit_code == 0:
            return asked.output
        assert time.monotonic() < end, (asked.output.decode(), container.logs().decode())
        time.sleep(0.3)
