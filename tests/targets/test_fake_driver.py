import pytest

from deployments.targets.base import NoRoom, TargetAway
from tests.targets.contract import DriverContract
from tests.targets.fake.driver import BEHAVIOURS, FakeDriver
from tests.targets.specs import make_spec


class TestTheFakeDriver(DriverContract):
    @pytest.fixture
    def driver(self):
        return FakeDriver()

    @pytest.fixture
    def spec(self, tmp_path):
        return make_spec(tmp_path)

    def kill(self, driver, found):
        driver.kill(next(iter(driver.running)))


def behaving(behaviour, tmp_path):
    return FakeDriver(behaviour), make_spec(tmp_path)


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
def test_it_misbehaves_on_purpose(behaviour, states, tmp_path):
    driver, spec = behaving(behaviour, tmp_path)
    driver.apply(spec)
    assert [driver.observe(spec.service_id).state for _ in states] == states


@pytest.mark.parametrize(("behaviour", "error"), [("full", NoRoom), ("away", TargetAway)])
def test_it_refuses_on_purpose(behaviour, error, tmp_path):
    driver, spec = behaving(behaviour, tmp_path)
    with pytest.raises(error):
        driver.apply(spec)


def test_it_says_which_settings_it_understands():
    assert FakeDriver("good").check() == []
    assert FakeDriver("bored").check() == ["There is no behaviour 'bored'."]
    assert set(BEHAVIOURS) >= {"slow", "never", "failing", "flapping"}
