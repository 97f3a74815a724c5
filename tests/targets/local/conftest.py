import pytest

from tests.targets.contract import known
from tests.targets.local.local_drivers import end_all, local_driver
from tests.targets.specs import free_port, make_route, make_spec


@pytest.fixture
def make_driver(tmp_path):
    root = tmp_path / "services"
    yield lambda: local_driver(root)
    end_all(root)


@pytest.fixture
def spec():
    return make_spec()


@pytest.fixture
def route(spec):
    return make_route(spec, free_port())


@pytest.fixture
def driver(make_driver, route):
    """A driver that knows the service's address."""
    made = make_driver()
    known(made, route)
    return made
