"""An archive where there is no network but loopback, and nothing but Python."""

import gzip
import sys
import time
from io import BytesIO

import pytest

from deployments.edge.archive import write_archive
from tests.docker_engine import TEST_LABEL, base_image, engine  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db
ASK = """
import json, sys, urllib.request
body = json.dumps({"data": [[1.0, 2.0, 3.0, 4.0]]}).encode()
request = urllib.request.Request("http://127.0.0.1:5001/score", body, {"Content-Type": "application/json"})
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


def test_archive_starts_without_a_network(container):
    end = time.monotonic() + 60
    while True:
        asked = container.exec_run(["python3", "-c", ASK])
        if asked.exit_code == 0:
            break
        assert time.monotonic() < end, (asked.output.decode(), container.logs().decode())
        time.sleep(0.3)

    assert b'"data"' in asked.output
    container.reload()
    assert list(container.attrs["NetworkSettings"]["Networks"]) == ["none"]
