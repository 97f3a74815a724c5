"""A real Docker engine for tests, with the minimal base image in it."""

import docker
import pytest
from docker.errors import DockerException, ImageNotFound

from tests.conftest import require

BASE_IMAGE = "slipway-base:bookworm"
TEST_LABEL = "slipway.test"


@pytest.fixture(scope="session")
def engine():
    """A client of the local engine."""
    try:
        client = docker.DockerClient(timeout=120)
        client.ping()
    except DockerException as problem:
        require("docker", f"no engine answers: {problem}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def base_image(engine):
    """The id of the base image that `make base-image` makes."""
    try:
        return engine.images.get(BASE_IMAGE).id
    except ImageNotFound:
        require("docker", f"there is no {BASE_IMAGE}; make it with: make base-image")
