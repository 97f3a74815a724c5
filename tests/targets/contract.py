"""The contract of target drivers: the same tests run against each of them.

A driver's test module subclasses `DriverContract` and gives the fixtures `make_driver` (each call: a driver object made
anew for the same target), `other_driver` (of another target of the same kind), `spec` (an instance that becomes ready)
and `route` (its address, and it as who answers), and says how to `kill` a replica and who answers at an address.
Everything is asked for in steps, as the loop does.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from deployments.recipe.spec import InstanceRef, InstanceSpec
from deployments.targets.base import Driver, Route
from deployments.targets.observation import Observation
from tests.targets.specs import next_of

PATIENCE_SECONDS = 20.0
NOBODY = InstanceRef(987654, 98765, "vision", "nobody", 1)


def until(driver: Driver, ref: InstanceRef, state: str, step=lambda: None, **facts) -> Observation:
    """Take steps until the driver reports `state`, and `facts` of the observation."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        step()
        found = driver.observe(ref)
        if found.state == state and all(getattr(found, name) == value for name, value in facts.items()):
            return found
        time.sleep(0.02)
    pytest.fail(f"never {state} {facts}; last seen: {found}; log: {driver.logs(ref)[0]}")


def known(driver: Driver, route: Route) -> None:
    """Make the address known, as reconciliation does before an instance is first applied."""
    driver.route(replace(route, instance=None))


def served(driver: Driver, spec: InstanceSpec, route: Route) -> Observation:
    """Take steps until the instance runs and serves at its service's address."""
    known(driver, route)
    driver.route(replace(route, instance=spec.ref))
    return until(driver, spec.ref, "ready", lambda: driver.apply(spec), serving=True)


class DriverContract:
    @pytest.fixture
    def driver(self, make_driver):
        return make_driver()

    @pytest.fixture
    def up(self, driver, spec, route):
        return served(driver, spec, route)

    @pytest.fixture
    def beside(self, driver, spec, route, up):
        """The next revision, ready beside the one that serves."""
        newer = next_of(spec)
        known(driver, route)
        until(driver, newer.ref, "ready", lambda: driver.apply(newer))
        return newer

    def test_check_of_a_working_target_finds_no_problems(self, driver):
        assert driver.check() == []

    def test_unknown_instance_is_absent(self, driver):
        assert driver.observe(NOBODY) == Observation()
        assert not driver.holds(NOBODY)
        assert driver.logs(NOBODY) == ("", 0)

    def test_ending_an_absent_instance_does_nothing(self, driver):
        for verb in (driver.drain, driver.stop, driver.remove):
            verb(NOBODY)
        assert driver.observe(NOBODY).state == "absent"

    def test_applied_and_routed_instance_serves(self, driver, spec, route, up):
        assert (up.revision, up.restarts, up.failure) == (spec.ref.revision, 0, None)
        assert up.started_at <= up.ready_at
        assert self.who_answers(driver, route) == spec.ref.revision

    def test_ready_instance_has_its_own_endpoint(self, up, beside, driver):
        assert [endpoint.protocol for endpoint in up.endpoints] == ["http"]
        assert up.endpoints[0].address.startswith(("http://", "unix:/"))
        assert up.endpoints != driver.observe(beside.ref).endpoints

    def test_applied_instance_does_not_serve_until_routed_to(self, driver, spec, route):
        known(driver, route)
        found = until(driver, spec.ref, "ready", lambda: driver.apply(spec))
        assert not found.serving
        assert self.who_answers(driver, route) is None

    def test_apply_is_idempotent(self, driver, spec, up):
        for _ in range(3):
            driver.apply(spec)
        again = driver.observe(spec.ref)
        assert (again.state, again.started_at, again.serving) == ("ready", up.started_at, True)

    def test_new_generation_does_not_restart_the_instance(self, driver, spec, up):
        driver.apply(replace(spec, generation=spec.generation + 1))
        assert driver.observe(spec.ref).started_at == up.started_at

    def test_targets_of_one_kind_are_separate(self, other_driver, spec, up):
        assert other_driver.observe(spec.ref) == Observation()
        other_driver.remove(spec.ref)
        assert not other_driver.holds(spec.ref)

    def test_two_revisions_run_side_by_side_and_one_serves(self, driver, spec, route, up, beside):
        assert driver.observe(spec.ref).started_at == up.started_at
        assert driver.observe(beside.ref).revision == beside.ref.revision
        assert [driver.observe(ref).serving for ref in (spec.ref, beside.ref)] == [True, False]
        assert self.who_answers(driver, route) == spec.ref.revision

    def test_address_moves_and_the_drained_instance_runs_until_stopped(self, driver, spec, route, beside):
        until(driver, beside.ref, "ready", lambda: driver.route(replace(route, instance=beside.ref)), serving=True)
        until(driver, spec.ref, "ready", lambda: driver.drain(spec.ref), serving=False, connections=0)
        assert self.who_answers(driver, route) == beside.ref.revision
        until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
        assert self.who_answers(driver, route) == beside.ref.revision

    def test_address_moves_back(self, driver, spec, route, beside):
        until(driver, beside.ref, "ready", lambda: driver.route(replace(route, instance=beside.ref)), serving=True)
        until(driver, spec.ref, "ready", lambda: driver.drain(spec.ref), serving=False)
        until(driver, spec.ref, "ready", lambda: driver.route(route), serving=True)
        until(driver, beside.ref, "ready", lambda: driver.drain(beside.ref), serving=False)
        assert self.who_answers(driver, route) == spec.ref.revision

    def test_removing_one_revision_keeps_the_other(self, driver, spec, route, up, beside):
        gone(driver, beside.ref)
        assert driver.observe(spec.ref).started_at == up.started_at
        assert self.who_answers(driver, route) == spec.ref.revision

    def test_stopped_instance_keeps_its_log(self, driver, spec, up):
        until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref), serving=False)
        assert driver.holds(spec.ref)
        assert f"revision {spec.ref.revision} starts" in driver.logs(spec.ref)[0]

    def test_stopped_instance_can_be_started_again(self, driver, spec, route, up):
        until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
        again = served(driver, spec, route)
        assert again.started_at > up.started_at
        assert again.restarts == 0

    def test_restarted_instance_does_not_serve_until_routed_to(self, driver, spec, up):
        until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
        assert not until(driver, spec.ref, "ready", lambda: driver.apply(spec)).serving

    def test_removed_instance_leaves_nothing(self, driver, spec, up):
        gone(driver, spec.ref)
        assert driver.observe(spec.ref) == Observation()
        assert driver.logs(spec.ref) == ("", 0)

    def test_killed_instance_is_reported_dead_and_serves_again_after_apply(self, driver, spec, route, up):
        self.kill(driver, spec.ref)
        dead = until(driver, spec.ref, "dead", serving=False)
        assert dead.failure.reason == "worker_crashed"
        assert dead.failure.evidence
        assert dead.ended_at >= up.started_at
        again = until(driver, spec.ref, "ready", lambda: driver.apply(spec), serving=True)
        assert again.restarts == 1
        assert again.started_at > up.started_at
        assert self.who_answers(driver, route) == spec.ref.revision

    @pytest.fixture
    def three(self, driver, spec, route):
        """The specification of an instance that serves with three replicas."""
        more = replace(spec, replicas=3)
        served(driver, more, route)
        all_ready(driver, more)
        return more

    def test_replicas_have_numbers_endpoints_and_logs_of_their_own(self, driver, three):
        found = driver.observe(three.ref).replicas
        assert [one.number for one in found] == [1, 2, 3]
        assert len({one.endpoints for one in found}) == 3
        assert all(one.revision == three.ref.revision for one in found)
        assert all(driver.logs(three.ref, replica=number)[0] for number in (1, 2, 3))
        assert driver.logs(three.ref, replica=4) == ("", 0)

    def test_more_replicas_start_beside_those_that_run(self, driver, spec, route, up):
        driver.apply(replace(spec, replicas=2, generation=2))
        found = all_ready(driver, replace(spec, replicas=2, generation=2))
        assert found.replicas[0].started_at == up.started_at
        assert found.replicas[1].restarts == 0

    def test_surplus_replicas_end_unless_they_are_kept(self, driver, three, route):
        before = driver.observe(three.ref).replicas
        fewer = replace(three, replicas=1)
        driver.apply(fewer, keep=3)
        assert [one.started_at for one in driver.observe(three.ref).replicas] == [one.started_at for one in before]
        driver.apply(fewer, keep=2)
        left = wait_for_numbers(driver, three.ref, [1, 2], lambda: driver.apply(fewer, keep=2))
        assert [one.started_at for one in left] == [one.started_at for one in before[:2]]
        wait_for_numbers(driver, three.ref, [1], lambda: driver.apply(fewer))
        assert self.who_answers(driver, route) == three.ref.revision

    def test_instance_without_replicas_keeps_its_log_and_wakes(self, driver, three, route):
        asleep = replace(three, replicas=0)
        wait_for_numbers(driver, three.ref, [], lambda: driver.apply(asleep))
        assert driver.observe(three.ref).state == "absent"
        assert driver.holds(three.ref)
        assert driver.logs(three.ref)[0]
        served(driver, replace(three, replicas=1), route)

    def test_killed_replica_comes_back_and_the_others_stay(self, driver, three):
        before = driver.observe(three.ref).replicas
        self.kill(driver, three.ref, 2)
        dead = wait_for(driver, three.ref, lambda found: found.first(3)[1].state == "dead")
        assert dead.first(3)[1].failure.reason == "worker_crashed"
        assert dead.ready(3) == 2
        driver.apply(three, paused={2})
        assert driver.observe(three.ref).first(3)[1].state == "dead"
        after = all_ready(driver, three).replicas
        assert [one.restarts for one in after] == [0, 1, 0]
        assert [new.started_at == old.started_at for new, old in zip(after, before, strict=True)] == [True, False, True]

    def test_replicas_stop_and_go_together(self, driver, three):
        until(driver, three.ref, "absent", lambda: driver.stop(three.ref))
        assert driver.observe(three.ref) == Observation()
        gone(driver, three.ref)

    def test_verbs_are_idempotent_across_driver_objects(self, make_driver, spec, route, up):
        for _ in range(2):
            make_driver().route(replace(route, instance=None))
            make_driver().route(route)
            make_driver().apply(spec)
        found = make_driver().observe(spec.ref)
        assert (found.started_at, found.serving) == (up.started_at, True)
        for _ in range(2):
            make_driver().drain(spec.ref)
        until(make_driver(), spec.ref, "ready", lambda: make_driver().drain(spec.ref), serving=False)
        until(make_driver(), spec.ref, "absent", lambda: make_driver().stop(spec.ref))
        for verb in ("stop", "remove", "remove"):
            getattr(make_driver(), verb)(spec.ref)
        assert not make_driver().holds(spec.ref)

    def test_log_is_read_from_an_offset(self, driver, spec, up):
        text, offset = driver.logs(spec.ref)
        assert text
        assert driver.logs(spec.ref, offset)[0] == ""
        assert driver.logs(spec.ref, 0, 4) == (text[:4], 4)
        assert driver.logs(spec.ref, -5)[0] == text[-5:]

    def test_observation_round_trips_through_json(self, up):
        assert Observation.from_dict(json.loads(json.dumps(up.as_dict()))) == up

    def kill(self, driver: Driver, ref: InstanceRef, number: int = 1) -> None:
        raise AssertionError("the driver's tests say how to kill a replica")

    def who_answers(self, driver: Driver, route: Route) -> int | None:
        raise AssertionError("the driver's tests say which revision answers at the service's address")


def all_ready(driver: Driver, spec: InstanceSpec) -> Observation:
    """Take steps until all replicas are ready, and answer at the address if one does."""

    def settled(found: Observation) -> bool:
        replicas = found.first(spec.replicas)
        return found.ready(spec.replicas) == spec.replicas and len({one.serving for one in replicas}) == 1

    return wait_for(driver, spec.ref, settled, lambda: driver.apply(spec))


def wait_for_numbers(driver: Driver, ref: InstanceRef, numbers: list[int], step: Callable[[], None]):
    """Take steps until there are replicas of these numbers only."""
    found = wait_for(driver, ref, lambda found: [one.number for one in found.replicas] == numbers, step)
    return found.replicas


def wait_for(
    driver: Driver, ref: InstanceRef, condition: Callable[[Observation], bool], step: Callable[[], None] = lambda: None
) -> Observation:
    """Take steps until what is observed fulfils the condition."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition(found := driver.observe(ref)):
        assert time.monotonic() < end, f"last seen: {found}"
        step()
        time.sleep(0.02)
    return found


def gone(driver: Driver, ref: InstanceRef, step: Callable[[], None] = lambda: None) -> None:
    """Remove until nothing is left."""
    end = time.monotonic() + PATIENCE_SECONDS
    while driver.holds(ref) and time.monotonic() < end:
        step()
        driver.remove(ref)
        time.sleep(0.02)
    assert not driver.holds(ref)
