import secrets

import pytest

from deployments.targets.base import Route
from deployments.targets.docker.names import STUDIO
from deployments.targets.docker.target_settings import read_settings
from tests.docker_engine import base_image, engine  # noqa: F401 - fixtures
from tests.engine_client import OWN_LABEL, engine_here, remove_labelled
from tests.targets.docker.containers import docker_driver, stand_in_image
from tests.targets.specs import make_spec


@pytest.fixture(scope="session")
def image(base_image):  # noqa: F811 - the fixture
    """An image whose server is the stand-in."""
    label = f"{OWN_LABEL}={secrets.token_hex(6)}"
    yield stand_in_image(engine_here(), base_image, label)
    remove_labelled(engine_here(), label)


@pytest.fixture
def studio(docker_engine):
    """The id of a studio of the test's own; what it has made at the engine goes with the test."""
    made = secrets.token_hex(6)
    yield made
    remove_labelled(docker_engine, f"{STUDIO}={made}")


@pytest.fixture
def make_driver(tmp_path, studio):
    return lambda: docker_driver(tmp_path, studio)


@pytest.fixture
def driver(make_driver):
    return make_driver()


@pytest.fixture
def spec(image):
    return make_spec(image=image, instance_id=secrets.randbelow(10**8), memory_bytes=128 * 1024 * 1024)


@pytest.fixture
def route(spec):
    return Route(spec.ref.service_id, instance=spec.ref)


@pytest.fixture
def make_copying(tmp_path, studio):
    """Makes drivers that copy files and publish ports, as for an engine on another machine."""
    return lambda: docker_driver(tmp_path, studio, 3, read_settings({"copy_files": True}))
