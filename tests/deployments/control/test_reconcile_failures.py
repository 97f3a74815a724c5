"""The loop against a target and processes that misbehave on order."""

import pytest
from django.db import DataError

from deployments.control import reconcile
from deployments.control.restart_backoff import LOOP
from deployments.models import Phase, Target
from deployments.services import lifecycle
from deployments.targets.base import Failure, Observation
from tests.deployments.service_factories import cause_code, deploy, instance_of, observation_of
from tests.targets.fake.driver import FakeDriver

pytestmark = pytest.mark.django_db


class TestAFailure:
    def test_for_good_is_not_tried_again(self, fake, service):
        fake.behave("failing")
        fake.visit(service, 10)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "init_failed")
        assert service.cause["evidence"] == "Traceback …"
        assert fake.world.starts == 1

    def test_for_good_is_tried_again_when_somebody_starts_it(self, bob, fake, service):
        fake.behave("failing")
        fake.visit(service, 3)
        fake.behave("good")
        lifecycle.start(service, bob)
        fake.visit(service, 2)
        assert service.phase == Phase.HEALTHY

    def test_for_good_is_tried_again_with_a_new_revision(self, workspace, bob, iris, fake, service):
        fake.behave("failing")
        fake.visit(service, 3)
        fake.behave("good")
        fake.visit(deploy(workspace, bob, iris, target=fake.target, overwrite=True), 4)
        service.refresh_from_db()
        assert service.phase == Phase.HEALTHY

    def test_again_and_again_is_retried_more_and_more_slowly_and_then_shown_as_failed(self, fake, service):
        fake.behave("crashing")
        fake.visit(service, 60)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "worker_crashed")
        assert fake.world.starts == 1 + LOOP

    def test_that_has_passed_heals_without_anybody(self, fake, service):
        fake.behave("crashing")
        fake.visit(service, 60)
        fake.behave("good")
        fake.visit(service, 12, every=60)
        assert service.phase == Phase.HEALTHY

    def test_to_become_ready_ends_at_the_deadline_and_the_process_with_it(self, fake, service):
        fake.behave("never")
        fake.visit(service, 3)
        assert service.phase == Phase.TRANSITIONING
        fake.visit(service, 40, every=10)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "start_timeout")
        assert observation_of(service).state == "absent"
        assert fake.world.starts == 1

    def test_of_a_flapping_service_is_never_shown_as_healthy_and_failed_at_once(self, fake, service):
        fake.behave("flapping")
        seen = {(fake.visit(service).phase, cause_code(service)) for _ in range(40)}
        assert seen <= {
            (Phase.TRANSITIONING, None),
            (Phase.HEALTHY, None),
            (Phase.UNHEALTHY, "worker_crashed"),
            (Phase.UNHEALTHY, None),
            (Phase.FAILED, "worker_crashed"),
        }


class TestTheTarget:
    def test_without_room_is_waited_for_and_then_given_up(self, fake, service):
        fake.behave("full")
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.UNSCHEDULABLE, "no_room")
        assert fake.visit(service, 31, every=10).phase == Phase.FAILED

    def test_with_room_again_takes_the_service(self, fake, service):
        fake.behave("full")
        fake.visit(service)
        fake.behave("good")
        fake.visit(service, 2)
        assert service.phase == Phase.HEALTHY

    def test_that_is_away_is_asked_more_and_more_rarely(self, fake, service):
        fake.behave("away")
        waits = []
        for _ in range(7):
            fake.visit(service)
            waits.append(round((instance_of(service).due_at - fake.now()).total_seconds()))
        assert waits == [2, 4, 8, 16, 32, 60, 60]
        assert cause_code(service) == "target_unavailable"

    def test_that_breaks_in_an_unknown_way_stops_nobody_else(self, workspace, bob, iris, fake, service, monkeypatch):
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

    def test_that_nobody_knows_is_stepped_over(self, workspace, fake, service, monkeypatch):
        instance = instance_of(service)
        Target.objects.update(kind="moon", changed_at=fake.now())
        reconcile.reconcile(instance.pk)
        instance.refresh_from_db()
        assert instance.lease_holder == ""
        assert instance.due_at > fake.now()

    def test_that_says_what_the_database_refuses_is_stepped_over(
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


def test_a_failure_is_kept_without_the_characters_that_postgres_refuses(fake, service, monkeypatch):
    failure = Failure("init_failed", f"No {SAID}", f"Traceback {SAID}")
    failed = Observation("failed", revision=1, failure=failure, started_at=1.0)
    fake.visit(service)
    monkeypatch.setattr(FakeDriver, "observe", lambda driver, ref: failed)
    fake.visit(service, 3)
    assert (service.cause["message"], service.cause["evidence"]) == (f"No {KEPT}", f"Traceback {KEPT}")
    assert observation_of(service).failure.evidence == f"Traceback {KEPT}"
    assert service.phase == Phase.FAILED
