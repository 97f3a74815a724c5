"""From when the deadlines of a service run, and what does not touch them."""

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

    def call(*args):
        for failure in failures:
            raise failure
        return original(*args)

    monkeypatch.setattr(FakeDriver, verb, call)


class TestADeadline:
    def test_does_not_run_before_the_first_look(self, fake, service):
        fake.wait(400)
        phases = [fake.visit(service).phase for _ in range(3)]
        assert phases == [Phase.TRANSITIONING, Phase.HEALTHY, Phase.HEALTHY]
        assert fake.world.starts == 1

    def test_of_a_stop_does_not_run_before_the_first_look_either(self, bob, fake, service):
        fake.visit(service, 2)
        lifecycle.stop(service, bob)
        fake.wait(400)
        assert [fake.visit(service).phase for _ in range(2)] == [Phase.TRANSITIONING, Phase.STOPPED]

    def test_begins_anew_when_the_machine_has_slept_during_the_start(self, fake, service):
        fake.behave("slow")
        fake.visit(service, 2)
        fake.wait(400)
        phases = [fake.visit(service).phase for _ in range(3)]
        assert phases == [Phase.TRANSITIONING, Phase.TRANSITIONING, Phase.HEALTHY]
        assert fake.world.starts == 1

    def test_is_each_process_s_own(self, fake, service):
        fake.behave("never")
        fake.visit(service, 20, every=10)
        fake.world.kill(instance_of(service).pk)
        fake.visit(service, 20, every=10)
        assert service.phase == Phase.TRANSITIONING
        fake.behave("good")
        assert fake.visit(service, 2).phase == Phase.HEALTHY

    def test_that_passes_before_anything_was_started_is_no_reason_to_give_up(self, fake, service, monkeypatch):
        with monkeypatch.context() as stuck:
            stuck.setattr(FakeDriver, "apply", lambda driver, spec: None)
            fake.visit(service, 40, every=10)
            assert (service.phase, cause_code(service)) == (Phase.FAILED, "start_timeout")
        fake.visit(service, 2, every=60)
        assert service.phase == Phase.HEALTHY


class TestANewKey:
    def test_leaves_the_cause_of_a_failure(self, bob, fake, service):
        fake.behave("failing")
        fake.visit(service, 3)
        fake.wait(400)
        keys.regenerate_key(service, "primary", bob)
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "init_failed")
        assert fake.world.starts == 1

    def test_does_not_keep_what_crashes_from_being_tried_again(self, bob, fake, service):
        fake.behave("crashing")
        fake.visit(service, 60)
        fake.wait(400)
        keys.regenerate_key(service, "primary", bob)
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "worker_crashed")
        fake.behave("good")
        fake.visit(service, 12, every=60)
        assert service.phase == Phase.HEALTHY

    def test_that_comes_just_when_the_process_dies_hides_nothing(self, bob, fake, service):
        fake.visit(service, 2)
        fake.wait(400)
        fake.world.kill(instance_of(service).pk)
        keys.regenerate_key(service, "primary", bob)
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.UNHEALTHY, "worker_crashed")
        assert fake.visit(service).phase == Phase.HEALTHY


class TestALookThatFails:
    @pytest.mark.parametrize("verb", ["observe", "apply"])
    def test_makes_a_service_of_long_standing_unhealthy_for_a_moment(self, fake, service, monkeypatch, verb):
        fake.visit(service, 2)
        fake.visit(service, 10, every=100)
        fail_once(monkeypatch, verb)
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.UNHEALTHY, "target_unavailable")
        assert fake.visit(service).phase == Phase.HEALTHY

    def test_again_and_again_ends_in_failed_although_the_process_is_seen_to_be_ready(self, fake, service, monkeypatch):
        def full(driver, spec):
            raise OSError("disk full")

        fake.visit(service, 2)
        monkeypatch.setattr(FakeDriver, "apply", full)
        fake.visit(service, 40, every=10)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "target_unavailable")
        assert actions(service).count("state_changed") == 3


class TestWhatEndedBeforeAStart:
    def test_does_not_count_although_the_first_try_fails_for_another_reason(self, bob, fake, service, monkeypatch):
        fake.behave("failing")
        fake.visit(service, 3)
        fake.behave("good")
        lifecycle.start(service, bob)
        fail_once(monkeypatch, "apply")
        codes = [cause_code(fake.visit(service)) for _ in range(3)]
        assert codes == ["target_unavailable", None, None]
        assert service.phase == Phase.HEALTHY


def test_who_starts_a_service_again_sees_at_once_that_nothing_is_given_up(bob, fake, service):
    fake.behave("failing")
    fake.visit(service, 3)
    lifecycle.start(service, bob)
    assert (service.phase, service.cause) == (Phase.TRANSITIONING, None)
    fake.visit(service)
    assert Notes.of(instance_of(service)).gave_up is None
