"""When the deadlines of a service begin, and what does not change them."""

import pytest

from deployments.control.notes import Notes
from deployments.models import Phase
from deployments.services import keys, lifecycle
from tests.deployments.service_factories import actions, cause_code, instance_of
from tests.targets.fake.driver import FakeDriver

pytestmark = pytest.mark.django_db


def fail_once(monkeypatch, verb):
    """The next call of the driver's `verb` raises."""
    original, failures = getattr(FakeDriver, verb), iter([OSError("no route")])

    def call(*args, **more):
        for failure in failures:
            raise failure
        return original(*args, **more)

    monkeypatch.setattr(FakeDriver, verb, call)


class TestDeadlines:
    def test_start_deadline_begins_with_the_first_observation(self, fake, service):
        fake.wait(400)
        phases = [fake.visit(service).phase for _ in range(3)]
        assert phases == [Phase.TRANSITIONING, Phase.HEALTHY, Phase.HEALTHY]
        assert fake.world.starts == 1

    def test_stop_deadline_begins_with_the_first_observation(self, bob, fake, service):
        fake.visit(service, 2)
        lifecycle.stop(service, bob)
        fake.wait(400)
        assert [fake.visit(service).phase for _ in range(2)] == [Phase.TRANSITIONING, Phase.STOPPED]

    def test_start_deadline_restarts_after_a_pause_of_the_machine(self, fake, service):
        fake.behave("slow")
        fake.visit(service, 2)
        fake.wait(400)
        phases = [fake.visit(service).phase for _ in range(3)]
        assert phases == [Phase.TRANSITIONING, Phase.TRANSITIONING, Phase.HEALTHY]
        assert fake.world.starts == 1

    def test_new_process_gets_a_fresh_deadline(self, fake, service):
        fake.behave("never")
        fake.visit(service, 20, every=10)
        fake.world.kill(instance_of(service).pk)
        fake.visit(service, 20, every=10)
        assert service.phase == Phase.TRANSITIONING
        fake.behave("good")
        assert fake.visit(service, 2).phase == Phase.HEALTHY

    def test_timeout_before_a_process_exists_is_retried(self, fake, service, monkeypatch):
        with monkeypatch.context() as stuck:
            stuck.setattr(FakeDriver, "apply", lambda driver, spec, **more: None)
            fake.visit(service, 40, every=10)
            assert (service.phase, cause_code(service)) == (Phase.FAILED, "start_timeout")
        fake.visit(service, 2, every=60)
        assert service.phase == Phase.HEALTHY


class TestRegeneratedKey:
    def test_regenerated_key_keeps_the_cause_of_a_failure(self, bob, fake, service):
        fake.behave("failing")
        fake.visit(service, 3)
        fake.wait(400)
        keys.regenerate_key(service, "primary", bob)
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "init_failed")
        assert fake.world.starts == 1

    def test_regenerated_key_does_not_stop_restarts(self, bob, fake, service):
        fake.behave("crashing")
        fake.visit(service, 60)
        fake.wait(400)
        keys.regenerate_key(service, "primary", bob)
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "worker_crashed")
        fake.behave("good")
        fake.visit(service, 12, every=60)
        assert service.phase == Phase.HEALTHY

    def test_key_regenerated_during_a_crash_does_not_hide_it(self, bob, fake, service):
        fake.visit(service, 2)
        fake.wait(400)
        fake.world.kill(instance_of(service).pk)
        keys.regenerate_key(service, "primary", bob)
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.UNHEALTHY, "worker_crashed")
        assert fake.visit(service).phase == Phase.HEALTHY


class TestFailedDriverCall:
    @pytest.mark.parametrize("verb", ["observe", "apply"])
    def test_failed_driver_call_makes_a_healthy_service_briefly_unhealthy(self, fake, service, monkeypatch, verb):
        fake.visit(service, 2)
        fake.visit(service, 10, every=100)
        fail_once(monkeypatch, verb)
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.UNHEALTHY, "target_unavailable")
        assert fake.visit(service).phase == Phase.HEALTHY

    def test_repeated_apply_errors_end_in_failed_although_the_process_is_ready(self, fake, service, monkeypatch):
        def full(driver, spec, **more):
            raise OSError("disk full")

        fake.visit(service, 2)
        monkeypatch.setattr(FakeDriver, "apply", full)
        fake.visit(service, 40, every=10)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "target_unavailable")
        assert actions(service).count("state_changed") == 3


class TestRestartAfterFailure:
    def test_earlier_failure_does_not_count_when_the_first_retry_fails_otherwise(self, bob, fake, service, monkeypatch):
        fake.behave("failing")
        fake.visit(service, 3)
        fake.behave("good")
        lifecycle.start(service, bob)
        fail_once(monkeypatch, "apply")
        codes = [cause_code(fake.visit(service)) for _ in range(3)]
        assert codes == ["target_unavailable", None, None]
        assert service.phase == Phase.HEALTHY


def test_starting_a_failed_service_clears_its_failure_at_once(bob, fake, service):
    fake.behave("failing")
    fake.visit(service, 3)
    lifecycle.start(service, bob)
    assert (service.phase, service.cause) == (Phase.TRANSITIONING, None)
    fake.visit(service)
    assert Notes.of(instance_of(service)).permanent_failure is None
