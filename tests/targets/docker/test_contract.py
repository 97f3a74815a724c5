"""The Docker driver fulfils the contract of drivers, with a real engine: by shared folders, and by copies and ports."""

import pytest

from deployments.recipe.spec import InstanceRef
from deployments.targets.docker.target_settings import read_settings
from tests.targets.contract import DriverContract
from tests.targets.docker.containers import container_of, docker_driver
from tests.targets.specs import make_spec


class TestDockerDriver(DriverContract):
    @pytest.fixture
    def settings(self):
        return read_settings({})

    @pytest.fixture
    def make_driver(self, tmp_path, studio, settings):
        self.docker = None
        return lambda: docker_driver(tmp_path, studio, settings=settings)

    @pytest.fixture
    def driver(self, make_driver):
        return make_driver()

    @pytest.fixture
    def other_driver(self, tmp_path, studio, settings):
        return docker_driver(tmp_path, studio, 2, settings)

    def kill(self, driver, ref, number=1):
        client = driver._client()
        client.kill(container_of(client, make_spec(instance_id=ref.instance_id), number), "SIGKILL")

    def who_answers(self, driver, route):
        """The front sends requests to the replicas that are observed to serve."""
        places = driver._places.root / str(route.service_id)
        found = set()
        for folder in places.iterdir():
            seen = driver.observe(InstanceRef(int(folder.name), route.service_id, "vision", "iris", 0))
            found |= {one.revision for one in seen.replicas if one.serving}
        return found.pop() if len(found) == 1 else None


class TestDockerDriverWithCopies(TestDockerDriver):
    @pytest.fixture
    def settings(self):
        return read_settings({"copy_files": True})
