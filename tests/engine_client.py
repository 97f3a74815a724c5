"""This machine's engine, for tests that need a real one: the fixture `docker_engine`.

Everything that a test makes there carries the label that `OWN_LABEL` names, with a value of the test's own, and goes
with it.
"""

import secrets
from collections.abc import Iterator
from contextlib import suppress

import docker.errors
import pytest

from deployments.engines import EngineClient, EngineProblem, client_of, parse_address

OWN_LABEL = "slipway.test"


def engine_here() -> EngineClient:
    """Raises `EngineProblem`."""
    return client_of(parse_address(""))


def remove_labelled(client: EngineClient, label: str) -> None:
    """Containers, networks, volumes and images that carry the label `name=value`."""
    chosen = {"label": [label]}
    for container in client.containers(all=True, filters=chosen):
        with suppress(docker.errors.APIError):
            client.remove_container(container["Id"], force=True, v=True)
    for network in client.networks(filters=chosen):
        with suppress(docker.errors.APIError):
            client.remove_network(network["Id"])
    for volume in client.volumes(filters=chosen)["Volumes"] or ():
        with suppress(docker.errors.APIError):
            client.remove_volume(volume["Name"])
    for image in client.images(filters=chosen):
        with suppress(docker.errors.APIError):
            client.remove_image(image["Id"], force=True)


@pytest.fixture
def docker_engine() -> EngineClient:
    """A client of this machine's engine; without one the test is skipped, or fails where CI promised it."""
    from tests.conftest import require  # which imports this fixture

    try:
        return engine_here()
    except EngineProblem as problem:
        require("docker", str(problem))
        raise


@pytest.fixture
def own_label(docker_engine: EngineClient) -> Iterator[str]:
    """A label `name=value` that no other test has; what carries it is removed after the test."""
    label = f"{OWN_LABEL}={secrets.token_hex(6)}"
    yield label
    remove_labelled(docker_engine, label)
