import pytest

from deployments.targets.base import NoRoom, TargetUnavailable
from tests.targets.contract import DriverContract
from tests.targets.fake.driver import BEHAVIOURS, FakeDriver, World
from tests.targets.specs import make_route, make_spec


class TestFakeDriver(DriverContract):
    @pytest.fixture
    def make_driver(self):
        world = World()
        return lambda: FakeDriver(world)

    @pytest.fixture
    def other_driver(self):
        return FakeDriver()

    @pytest.fixture
    def spec(self):
        return make_spec()

    @pytest.fixture
    def route(self, spec):
        return make_route(spec, 21000)

    def kill(self, driver, ref, number=1):
        driver.world.kill(ref.instance_id, number)

    def who_answers(self, driver, route):
        answering = driver.world.who_answers(route.service_id)
        return answering[0] if len(answering) == 1 else None


@pytest.mark.parametrize(
    ("behaviour", "states"),
    [
        ("good", ["ready", "ready"]),
        ("slow", ["starting", "starting", "starting", "ready"]),
        ("never", ["starting", "starting", "starting", "starting", "starting"]),
        ("failing", ["failed", "failed"]),
        ("crashing", ["dead", "dead"]),
        ("flapping", ["ready", "dead"]),
    ],
)
def test_behaviour_determines_the_observed_states(behaviour, states):
    driver, spec = FakeDriver(behaviour=behaviour), make_spec()
    driver.apply(spec)
    assert [driver.observe(spec.ref).state for _ in states] == states


@pytest.mark.parametrize(("behaviour", "error"), [("full", NoRoom), ("away", TargetUnavailable)])
def test_behaviour_determines_the_error_of_apply(behaviour, error):
    with pytest.raises(error):
        FakeDriver(behaviour=behaviour).apply(make_spec())


def test_check_reports_an_unknown_behaviour():
    assert FakeDriver(behaviour="good").check() == []
    assert FakeDriver(behaviour="bored").check() == ["There is no behaviour 'bored'."]
    assert set(BEHAVIOURS) >= {"slow", "never", "failing", "flapping"}
