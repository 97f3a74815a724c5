import pytest

from tests.deployments.services import deploy, make_fake_target
from tests.registry.factories import make_version


@pytest.fixture(autouse=True)
def _own_ports(settings):
    settings.SLIPWAY = settings.SLIPWAY | {"LOCAL_PORTS": (21000, 21999)}


@pytest.fixture
def iris(workspace):
    """A ready ONNX version, iris:1."""
    return make_version(workspace, "iris")


@pytest.fixture
def fake(workspace, monkeypatch):
    """The workspace's fake target; `fake.driver` is its driver, `fake.behave('slow')` chooses how it behaves."""
    return make_fake_target(workspace, monkeypatch)


@pytest.fixture
def service(workspace, bob, iris, fake):
    """Deployed and built; the loop has not seen it yet."""
    return deploy(workspace, bob, iris, target=fake.target, description="Three kinds of flowers")
