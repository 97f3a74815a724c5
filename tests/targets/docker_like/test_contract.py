import pytest

from deployments.targets.base import Route, TargetRef
from tests.targets.contract import DriverContract
from tests.targets.docker_like import KIND
from tests.targets.docker_like.driver import KILLED
from tests.targets.docker_like.engine import engine_at
from tests.targets.specs import make_spec


class TestDockerLikeDriver(DriverContract):
    @pytest.fixture
    def make_driver(self, tmp_path):
        settings = KIND.complete({"engine": str(tmp_path)})
        return lambda: KIND.make(TargetRef(1, KIND.name, settings))

    @pytest.fixture
    def other_driver(self, tmp_path):
        return KIND.make(TargetRef(2, KIND.name, KIND.complete({"engine": f"{tmp_path}/other"})))

    @pytest.fixture
    def spec(self):
        return make_spec()

    @pytest.fixture
    def route(self, spec):
        return Route(spec.ref.service_id, instance=spec.ref)

    def kill(self, driver, ref, number=1):
        [name] = [name for name in driver.engine.containers if name.endswith(f"-{ref.instance_id}-{number}")]
        driver.engine.kill(name, KILLED)

    def who_answers(self, driver, route):
        names = driver.engine.names.get(f"service-{route.service_id}", set())
        found = [int(driver.engine.containers[name].labels["revision"]) for name in names]
        return found[0] if len(found) == 1 else None


def test_images_are_pulled_from_the_registry_of_the_settings(tmp_path):
    driver = KIND.make(TargetRef(1, KIND.name, KIND.complete({"engine": str(tmp_path), "registry": "images.lab"})))
    driver.apply(make_spec())
    assert engine_at(str(tmp_path)).images == {f"images.lab/vision/{'a' * 12}"}
