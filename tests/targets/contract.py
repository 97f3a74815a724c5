"""What every target driver must do: the same sentences run against each of them.

A driver's test module subclasses `DriverContract` and gives the fixtures `driver` and `spec` (a specification
that becomes ready). Everything is asked for in steps, as the loop does, and repeated without harm.
"""

import time
from dataclasses import replace

import pytest

from deployments.targets.base import Driver, Observation

PATIENCE_SECONDS = 20.0


def until(driver: Driver, service_id: int, state: str, step=lambda: None) -> Observation:
    """Take steps until the driver reports `state`."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        step()
        found = driver.observe(service_id)
        if found.state == state:
            return found
        time.sleep(0.02)
    pytest.fail(f"never {state}; last seen: {found}; log: {driver.logs(service_id)[0]}")


class DriverContract:
    @pytest.fixture
    def up(self, driver, spec):
        driver.apply(spec)
        return until(driver, spec.service_id, "ready")

    def test_nothing_was_ever_started(self, driver):
        assert driver.observe(987654) == Observation("absent")
        assert not driver.holds(987654)
        assert driver.logs(987654) == ("", 0)

    def test_stopping_and_removing_what_is_not_there_is_no_error(self, driver):
        driver.stop(987654)
        driver.remove(987654)
        assert driver.observe(987654).state == "absent"

    def test_what_is_applied_becomes_ready(self, driver, spec, up):
        assert (up.revision, up.recipe, up.port) == (spec.revision, spec.recipe, spec.port)
        assert up.restarts == 0
        assert up.failure is None
        assert up.started_at <= up.ready_at

    def test_applying_the_same_again_leaves_the_process_alone(self, driver, spec, up):
        for _ in range(3):
            driver.apply(spec)
        again = driver.observe(spec.service_id)
        assert (again.state, again.pid, again.started_at) == ("ready", up.pid, up.started_at)

    def test_a_new_generation_of_the_same_revision_leaves_the_process_alone(self, driver, spec, up):
        driver.apply(replace(spec, generation=spec.generation + 1))
        assert driver.observe(spec.service_id).pid == up.pid

    def test_a_new_revision_replaces_the_process(self, driver, spec, up):
        newer = replace(spec, revision=spec.revision + 1, recipe="b" * 64, generation=spec.generation + 1)

        def replaced():
            driver.apply(newer)
            return driver.observe(spec.service_id)

        end = time.monotonic() + PATIENCE_SECONDS
        found = replaced()
        while (found.state, found.revision) != ("ready", newer.revision) and time.monotonic() < end:
            time.sleep(0.02)
            found = replaced()
        assert (found.state, found.revision, found.recipe) == ("ready", newer.revision, newer.recipe)
        assert found.pid != up.pid

    def test_what_is_stopped_goes_and_its_log_stays(self, driver, spec, up):
        until(driver, spec.service_id, "absent", lambda: driver.stop(spec.service_id))
        assert driver.holds(spec.service_id)
        assert f"revision {spec.revision} starts" in driver.logs(spec.service_id)[0]

    def test_what_was_stopped_can_be_started_again(self, driver, spec, up):
        until(driver, spec.service_id, "absent", lambda: driver.stop(spec.service_id))
        again = until(driver, spec.service_id, "ready", lambda: driver.apply(spec))
        assert again.pid != up.pid
        assert again.restarts == 0

    def test_what_is_removed_leaves_nothing(self, driver, spec, up):
        end = time.monotonic() + PATIENCE_SECONDS
        while driver.holds(spec.service_id) and time.monotonic() < end:
            driver.remove(spec.service_id)
            time.sleep(0.02)
        assert not driver.holds(spec.service_id)
        assert driver.observe(spec.service_id).state == "absent"
        assert driver.logs(spec.service_id) == ("", 0)

    def test_what_is_killed_is_reported_dead_and_can_be_started_again(self, driver, spec, up):
        self.kill(driver, up)
        dead = until(driver, spec.service_id, "dead")
        assert dead.failure.reason == "worker_crashed"
        assert dead.failure.evidence
        assert dead.ended_at >= up.started_at
        again = until(driver, spec.service_id, "ready", lambda: driver.apply(spec))
        assert again.restarts == 1
        assert again.pid != up.pid

    def test_a_log_is_read_on_from_an_offset(self, driver, spec, up):
        text, offset = driver.logs(spec.service_id)
        assert text
        assert driver.logs(spec.service_id, offset)[0] == ""
        assert driver.logs(spec.service_id, 0, 4) == (text[:4], 4)
        assert driver.logs(spec.service_id, -5)[0] == text[-5:]

    def test_an_observation_survives_being_stored(self, driver, spec, up):
        assert Observation.from_dict(up.as_dict()) == up

    def kill(self, driver: Driver, found: Observation) -> None:
        raise AssertionError("the driver's tests say how to kill a process")
