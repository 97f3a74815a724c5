"""What the loop does to a service that is built, updated, stopped, deleted; its clock is turned by hand."""

from datetime import timedelta

import pytest

from deployments.control import reconcile
from deployments.models import Build, Desired, Phase, Service
from deployments.recipe.spec import spec_for
from deployments.services import keys, lifecycle
from deployments.targets.base import NotRemoved
from tests.deployments.service_factories import actions, cause_code, deploy, end_build
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


class TestAGoodService:
    def test_becomes_healthy(self, fake, service):
        fake.visit(service)
        assert service.phase == Phase.TRANSITIONING
        fake.visit(service)
        assert (service.phase, service.cause) == (Phase.HEALTHY, None)
        assert service.observed["state"] == "ready"
        assert service.observed_generation == service.generation

    def test_tells_each_change_of_state_once(self, fake, service):
        fake.visit(service, 6)
        assert actions(service) == ["deployed", "revision_activated", "state_changed"]

    def test_is_looked_at_soon_while_it_moves_and_later_when_it_has_settled(self, fake, service):
        fake.visit(service)
        assert service.due_at - fake.now() <= timedelta(seconds=1)
        fake.visit(service)
        assert service.due_at - fake.now() > timedelta(seconds=55)

    def test_is_started_once_however_often_it_is_visited(self, fake, service):
        fake.visit(service, 10)
        assert fake.driver.starts == 1

    def test_takes_its_time_and_becomes_healthy(self, fake, service):
        fake.behave("slow")
        phases = [fake.visit(service).phase for _ in range(6)]
        assert phases == [Phase.TRANSITIONING] * 4 + [Phase.HEALTHY] * 2

    def test_that_is_killed_is_unhealthy_and_comes_back(self, fake, service):
        fake.visit(service, 2)
        fake.driver.kill(service.pk)
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.UNHEALTHY, "worker_crashed")
        fake.visit(service)
        assert service.phase == Phase.HEALTHY
        assert fake.driver.starts == 2

    def test_that_vanished_comes_back(self, fake, service):
        fake.visit(service, 2)
        fake.driver.running.clear()
        assert fake.visit(service).phase == Phase.UNHEALTHY
        assert fake.visit(service).phase == Phase.HEALTHY


class TestBeforeTheBuildHasEnded:
    def test_nothing_is_started(self, workspace, bob, iris, fake):
        service = deploy(workspace, bob, iris, target=fake.target, built=False)
        fake.visit(service, 3)
        assert (service.phase, fake.driver.starts) == (Phase.TRANSITIONING, 0)

    def test_a_failed_build_is_the_cause(self, workspace, bob, iris, fake):
        service = deploy(workspace, bob, iris, target=fake.target, built=False)
        Build.objects.update(state="failed", error={"code": "package_unknown", "message": "no", "hint": "yes"})
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "package_unknown")

    def test_a_build_whose_end_was_never_told_is_activated_by_the_loop(self, workspace, bob, iris, fake):
        service = deploy(workspace, bob, iris, target=fake.target, built=False)
        Build.objects.update(state="succeeded")
        fake.visit(service, 4)
        assert service.phase == Phase.HEALTHY

    def test_the_old_revision_is_kept_alive(self, workspace, bob, iris, fake, service):
        fake.visit(service, 2)
        deploy(workspace, bob, make_version(workspace), target=fake.target, overwrite=True, built=False)
        fake.driver.kill(service.pk)
        fake.visit(service, 2)
        assert service.observed["revision"] == 1
        assert service.observed["state"] == "ready"
        assert service.phase == Phase.TRANSITIONING

    def test_a_failed_update_says_so_while_the_old_revision_answers(self, workspace, bob, iris, fake, service):
        fake.visit(service, 2)
        deploy(workspace, bob, make_version(workspace), target=fake.target, overwrite=True, built=False)
        Build.objects.filter(revision__number=2).update(state="failed", error={"code": "disk_full", "message": "full"})
        fake.visit(service, 2)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "disk_full")
        assert service.observed["state"] == "ready"


class TestAnUpdate:
    def test_replaces_the_process(self, workspace, bob, fake, service):
        fake.visit(service, 2)
        newer = deploy(workspace, bob, make_version(workspace), target=fake.target, overwrite=True)
        fake.visit(newer)
        assert newer.phase == Phase.TRANSITIONING
        fake.visit(newer)
        assert (newer.phase, newer.observed["revision"]) == (Phase.HEALTHY, 2)


class TestGoingAway:
    def test_a_stopped_service_stops_and_stays(self, bob, fake, service):
        fake.visit(service, 2)
        lifecycle.stop(service, bob)
        fake.visit(service, 3)
        assert (service.phase, fake.driver.running) == (Phase.STOPPED, {})

    def test_a_stopped_service_starts_again(self, bob, fake, service):
        fake.visit(service, 2)
        lifecycle.stop(service, bob)
        fake.visit(service, 2)
        lifecycle.start(service, bob)
        fake.visit(service, 2)
        assert service.phase == Phase.HEALTHY

    def test_a_stopped_service_forgets_its_failure(self, bob, fake, service):
        fake.behave("failing")
        fake.visit(service, 3)
        lifecycle.stop(service, bob)
        fake.visit(service, 2)
        assert (service.phase, service.cause) == (Phase.STOPPED, None)

    def test_a_deleted_service_leaves_no_process_no_row_and_a_free_name(self, workspace, bob, iris, fake, service):
        fake.visit(service, 2)
        lifecycle.delete(service, bob)
        reconcile.reconcile(service.pk)
        reconcile.reconcile(service.pk)
        assert not Service.objects.exists()
        assert not fake.driver.holds(service.pk)
        assert actions(service)[-1] == "deleted"
        assert deploy(workspace, bob, iris, target=fake.target).name == "iris"

    def test_a_deleted_service_whose_files_cannot_be_removed_says_so_and_goes_when_they_can(
        self, bob, fake, service, monkeypatch
    ):
        def held(service_id):
            raise NotRemoved("This cannot be removed: go.mod.")

        fake.visit(service, 2)
        lifecycle.delete(service, bob)
        with monkeypatch.context() as context:
            context.setattr(fake.driver, "remove", held)
            fake.visit(service)
            assert (service.phase, cause_code(service)) == (Phase.TRANSITIONING, "not_removed")
            fake.visit(service, 7, every=10)
        assert (service.phase, service.cause["message"]) == (Phase.FAILED, "This cannot be removed: go.mod.")
        reconcile.reconcile(service.pk)
        assert not Service.objects.exists()

    def test_a_service_that_was_never_built_can_be_deleted(self, workspace, bob, iris, fake):
        service = deploy(workspace, bob, iris, target=fake.target, built=False)
        lifecycle.delete(service, bob)
        reconcile.reconcile(service.pk)
        assert not Service.objects.exists()

    def test_a_service_whose_target_is_away_is_not_forgotten(self, bob, fake, service, monkeypatch):
        fake.visit(service, 2)
        lifecycle.delete(service, bob)

        def away(service_id):
            raise OSError("no route")

        monkeypatch.setattr(fake.driver, "observe", away)
        fake.visit(service)
        assert service.desired == Desired.DELETED
        assert cause_code(service) == "target_unavailable"


def test_a_key_goes_to_the_driver_as_a_digest_only(fake, service):
    fake.visit(service, 2)
    keys = list(service.keys.values_list("value", flat=True))
    told = repr(fake.driver.specs[service.pk])
    assert len(fake.driver.specs[service.pk].key_digests) == 2
    assert not [key for key in keys if key in told]


def test_a_regenerated_key_reaches_the_driver_and_the_process_stays(bob, fake, service):
    fake.visit(service, 2)
    before = fake.driver.specs[service.pk].key_digests
    keys.regenerate_key(service, "primary", bob)
    fake.visit(service)
    assert service.phase == Phase.HEALTHY
    assert fake.driver.specs[service.pk].key_digests[0] != before[0]
    assert fake.driver.starts == 1
    assert fake.driver.specs[service.pk] == spec_for(service, service.revisions.get())


def test_a_deadline_counts_from_the_end_of_the_build(workspace, bob, iris, fake):
    service = deploy(workspace, bob, iris, target=fake.target, built=False)
    fake.wait(500)
    Build.objects.update(created_at=fake.now())
    end_build(service)
    fake.behave("slow")
    assert fake.visit(service).phase == Phase.TRANSITIONING
