"""Reconciliation with a target and processes that fail on purpose."""

import pytest
from django.db import DataError

from deployments.control import reconcile
from deployments.control.restart_backoff import LOOP
from deployments.models import Phase, Target
from deployments.services import lifecycle
from deployments.targets.observation import Failure, Observation
from tests.deployments.service_factories import cause_code, deploy, instance_of, observation_of
from tests.targets.fake.driver import FakeDriver

pytestmark = pytest.mark.django_db


class TestProcessFailures:
    def test_permanent_failure_is_not_retried(self, fake, service):
        fake.behave("failing")
        fake.visit(service, 10)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "init_failed")
        assert service.cause["evidence"] == "Traceback …"
        assert fake.world.starts == 1

    def test_starting_the_service_retries_a_permanent_failure(self, bob, fake, service):
        fake.behave("failing")
        fake.visit(service, 3)
        fake.behave("good")
        lifecycle.start(service, bob)
        fake.visit(service, 2)
        assert service.phase == Phase.HEALTHY

    def test_new_revision_is_tried_after_a_permanent_failure(self, workspace, bob, iris, fake, service):
        fake.behave("failing")
        fake.visit(service, 3)
        fake.behave("good")
        fake.visit(deploy(workspace, bob, iris, target=fake.target, overwrite=True), 4)
        service.refresh_from_db()
        assert service.phase == Phase.HEALTHY

    def test_crash_loop_is_retried_with_backoff_and_ends_in_failed(self, fake, service):
        fake.behave("crashing")
        fake.visit(service, 60)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "worker_crashed")
        assert fake.world.starts == 1 + LOOP

    def test_crash_loop_recovers_when_the_crashes_end(self, fake, service):
        fake.behave("crashing")
        fake.visit(service, 60)
        fake.behave("good")
        fake.visit(service, 12, every=60)
        assert service.phase == Phase.HEALTHY

    def test_process_that_never_becomes_ready_is_ended_at_the_deadline(self, fake, service):
        fake.behave("never")
        fake.visit(service, 3)
        assert service.phase == Phase.TRANSITIONING
        fake.visit(service, 40, every=10)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "start_timeout")
        assert observation_of(service).state == "absent"
        assert fake.world.starts == 1

    def test_flapping_service_never_shows_a_contradictory_state(self, fake, service):
        fake.behave("flapping")
        seen = {(fake.visit(service).phase, cause_code(service)) for _ in range(40)}
        assert seen <= {
            (Phase.TRANSITIONING, None),
            (Phase.HEALTHY, None),
            (Phase.UNHEALTHY, "worker_crashed"),
            (Phase.UNHEALTHY, None),
            (Phase.FAILED, "worker_crashed"),
        }


class TestTargetFailures:
    def test_full_target_is_unschedulable_and_then_failed(self, fake, service):
        fake.behave("full")
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.UNSCHEDULABLE, "no_room")
        assert fake.visit(service, 31, every=10).phase == Phase.FAILED

    def test_service_starts_when_the_target_has_room_again(self, fake, service):
        fake.behave("full")
        fake.visit(service)
        fake.behave("good")
        fake.visit(service, 2)
        assert service.phase == Phase.HEALTHY

    def test_unavailable_target_is_polled_with_backoff(self, fake, service):
        fake.behave("away")
        waits = []
        for _ in range(7):
            fake.visit(service)
            waits.append(round((instance_of(service).due_at - fake.now()).total_seconds()))
        assert waits == [2, 4, 8, 16, 32, 60, 60]
        assert cause_code(service) == "target_unavailable"

    def test_driver_bug_does_not_affect_other_services(self, workspace, bob, iris, fake, service, monkeypatch):
        healthy = deploy(workspace, bob, iris, target=fake.target, name="other")
        observe = FakeDriver.observe

        def broken(driver, ref):
            if ref.service_id == service.pk:
                raise ZeroDivisionError("a bug")
            return observe(driver, ref)

        monkeypatch.setattr(FakeDriver, "observe", broken)
        for _ in range(3):
            fake.wait(2)
            reconcile.reconcile_due()
        healthy.refresh_from_db()
        service.refresh_from_db()
        assert healthy.phase == Phase.HEALTHY
        assert cause_code(service) == "target_unavailable"
        assert "a bug" in service.cause["evidence"]

    def test_unknown_kind_of_target_is_skipped(self, workspace, fake, service, monkeypatch):
        instance = instance_of(service)
        Target.objects.update(kind="moon", changed_at=fake.now())
        reconcile.reconcile(instance.pk)
        instance.refresh_from_db()
        assert instance.lease_holder == ""
        assert instance.due_at > fake.now()

    def test_observation_that_cannot_be_stored_does_not_affect_other_services(
        self, workspace, bob, iris, fake, service, monkeypatch
    ):
        healthy = deploy(workspace, bob, iris, target=fake.target, name="other")
        write = reconcile._write

        def refused(row, *found):
            if row.service_id == service.pk:
                raise DataError("unsupported Unicode escape sequence")
            return write(row, *found)

        monkeypatch.setattr(reconcile, "_write", refused)
        for _ in range(3):
            fake.wait(2)
            reconcile.reconcile_due()
        healthy.refresh_from_db()
        service.refresh_from_db()
        assert healthy.phase == Phase.HEALTHY
        instance = instance_of(service)
        assert instance.lease_holder == ""
        assert instance.due_at > fake.now()


SAID = "weights\0\ud800"  # PostgreSQL keeps neither of the two
KEPT = "weights\N{REPLACEMENT CHARACTER}?"


def test_failure_is_stored_without_characters_that_postgres_rejects(fake, service, monkeypatch):
    failure = Failure("init_failed", f"No {SAID}", f"Traceback {SAID}")
    failed = Observation.of_one("failed", revision=1, failure=failure, started_at=1.0)
    fake.visit(service)
    monkeypatch.setattr(FakeDriver, "observe", lambda driver, ref: failed)
    fake.visit(service, 3)
    assert (service.cause["message"], service.cause["evidence"]) == (f"No {KEPT}", f"Traceback {KEPT}")
    assert observation_of(service).failure.evidence == f"Traceback {KEPT}"
    assert service.phase == Phase.FAILED
