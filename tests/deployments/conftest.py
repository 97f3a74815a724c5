import pytest

from deployments.targets import forget_drivers, kinds
from tests.deployments.service_factories import SCRIPT_OF_DEMO, deploy, make_config, make_fake_target
from tests.registry.factories import make_version
from tests.registry.wheels import make_wheel, serve_wheels
from tests.targets import docker_like
from tests.targets.fake.driver import unregister_fake


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
    yield make_fake_target(workspace, monkeypatch)
    unregister_fake()
    forget_drivers()


@pytest.fixture
def service(workspace, bob, iris, fake):
    """Deployed and built; the loop has not seen it yet."""
    return deploy(workspace, bob, iris, target=fake.target, description="Three kinds of flowers")


@pytest.fixture
def wheels(tmp_path, settings, monkeypatch):
    """Everything lies in the test's own folder; packages come from a folder of tiny wheels."""
    folder = serve_wheels(tmp_path, settings, monkeypatch)
    make_wheel(folder, "demo")
    return folder


@pytest.fixture
def script_config(workspace, bob):
    """`script_config("demo")` is a config with an entry script, a file beside it, and these requirements."""

    def make(*requirements):
        files = {"score.py": SCRIPT_OF_DEMO, "labels/names.txt": b"setosa"}
        return make_config(workspace, bob, *requirements, files=files)

    return make


@pytest.fixture
def pickled(workspace):
    """A version that needs an entry script."""
    return make_version(workspace, "pickled", files={"model.pkl": b"pickle"}, framework="scikit-learn")


@pytest.fixture
def scripted(workspace, bob, fake, script_config, pickled):
    """A deployed service with an entry script, not yet built."""
    config = script_config("demo")
    return deploy(workspace, bob, pickled, name="scripted", built=False, config=config, target=fake.target)


@pytest.fixture
def containers():
    """The kind of target `docker-like`, which only tests have."""
    kinds.register(docker_like.KIND)
    yield docker_like.KIND
    kinds.unregister(docker_like.KIND.name)
