"""A built image run by plain Docker, without anything of the studio."""

import time

import httpx
import pytest

from deployments.builds import revision_images
from tests.deployments.builds.test_image_builds import _own_images, boxes  # noqa: F401 - fixtures
from tests.deployments.service_factories import deploy, run_build
from tests.docker_engine import TEST_LABEL

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("base_image")]


@pytest.fixture
def started(engine):
    """Start containers as people do who have only an image; gives their address once they answer."""
    made = []

    def start(image, **variables):
        container = engine.containers.run(
            image,
            detach=True,
            ports={"5001/tcp": ("127.0.0.1", None)},
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            tmpfs={"/tmp": "size=64m,noexec"},
            environment=variables,
            labels={TEST_LABEL: "started"},
        )
        made.append(container)
        container.reload()
        port = container.attrs["NetworkSettings"]["Ports"]["5001/tcp"][0]["HostPort"]
        return _until_ready(f"http://127.0.0.1:{port}", container)

    def stop():
        while made:
            made.pop().remove(force=True)

    start.stop = stop
    yield start
    stop()


def _until_ready(address, container):
    for _ in range(100):
        try:
            if httpx.get(f"{address}/v2/health/ready").status_code == 200:
                return address
        except httpx.HTTPError:
            pass
        container.reload()
        assert container.status == "running", container.logs().decode()
        time.sleep(0.2)
    raise AssertionError(container.logs().decode())


def test_image_scores_by_itself_and_asks_for_the_key_it_was_given(workspace, bob, iris, boxes, started):  # noqa: F811
    revision = run_build(deploy(workspace, bob, iris, built=False, target=boxes)).revision
    image = revision_images.image_for(revision, boxes)
    body = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
    route = "/v2/models/iris/infer"
    answer = httpx.post(f"{started(image)}{route}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == [1, 2, 3, 4]

    closed = started(image, SLIPWAY_KEY="a-key-of-this-test")
    assert httpx.post(f"{closed}{route}", json=body).status_code == 401
    allowed = httpx.post(f"{closed}{route}", json=body, headers={"Authorization": "Bearer a-key-of-this-test"})
    assert allowed.status_code == 200
