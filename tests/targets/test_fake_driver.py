from dataclasses import replace

import pytest

from deployments.targets.base import NoRoom, TargetAway
from deployments.targets.fake import BEHAVIOURS, FakeDriver
from tests.targets.contract import DriverContract
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
    driver = FakeDriver()
    return driver, replace(make_spec(tmp_path), target_settings={"behaviour": behaviour})


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
    assert FakeDriver().check({"behaviour": "good"}) == []
    assert FakeDriver().check({"behaviour": "bored"}) == ["There is no behaviour 'bored'."]
    assert set(BEHAVIOURS) >= {"slow", "never", "failing", "flapping"}
