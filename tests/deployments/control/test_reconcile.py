"""Reconciliation of a service that is built, updated, stopped and deleted, under a manual clock."""

from datetime import timedelta

import pytest

from deployments.control import advance, reconcile
from deployments.models import Build, Desired, Phase, Service
from deployments.recipe.spec import spec_for
from deployments.services import keys, lifecycle
from deployments.services.describe import describe
from deployments.targets.base import NotRemoved
from tests.deployments.service_factories import actions, cause_code, deploy, end_build, instance_of, observation_of
from tests.registry.factories import make_version
from tests.targets.fake.driver import FakeDriver

pytestmark = pytest.mark.django_db


def visit_until_gone(fake, service):
    """Two passes remove the instances, and then the service."""
    for _ in range(2):
        fake.wait(1)
        advance.advance(service.pk)
        for key in service.instances.values_list("pk", flat=True):
            reconcile.reconcile(key)


class TestHealthyService:
    def test_service_becomes_healthy(self, fake, service):
        fake.visit(service)
        assert service.phase == Phase.TRANSITIONING
        fake.visit(service)
        assert (service.phase, service.cause) == (Phase.HEALTHY, None)
        assert observation_of(service).state == "ready"
        assert service.observed_generation == service.generation

    def test_each_change_of_state_is_recorded_once(self, fake, service):
        fake.visit(service, 6)
        assert actions(service) == ["deployed", "revision_activated", "state_changed"]

    def test_instance_is_polled_often_in_transition_and_rarely_when_settled(self, fake, service):
        fake.visit(service)
        assert instance_of(service).due_at - fake.now() <= timedelta(seconds=1)
        fake.visit(service)
        assert instance_of(service).due_at - fake.now() > timedelta(seconds=55)
        assert service.due_at is None

    def test_starting_instance_is_polled_five_times_a_second_then_once(
        self, fake, service, enqueued, django_capture_on_commit_callbacks
    ):
        fake.behave("slow")
        advance.advance(service.pk)
        instance, brisk = instance_of(service), "deployments.tasks.reconcile_if_due"
        with django_capture_on_commit_callbacks(execute=True):
            reconcile.reconcile(instance.pk)
        assert (brisk, (instance.pk,)) in enqueued
        assert instance_of(service).due_at - fake.now() <= timedelta(seconds=0.2)
        reconcile.reconcile(instance.pk)  # the process is seen, and its deadline begins
        fake.wait(11)
        enqueued.clear()
        with django_capture_on_commit_callbacks(execute=True):
            reconcile.reconcile(instance.pk)
        assert (brisk, (instance.pk,)) in enqueued  # the tick comes too seldom
        assert timedelta(seconds=0.9) < instance_of(service).due_at - fake.now() <= timedelta(seconds=1)

    def test_duplicate_message_does_not_reconcile_twice(self, fake, service):
        advance.advance(service.pk)
        reconcile.reconcile(instance_of(service).pk)
        first = instance_of(service).observed_at
        reconcile.reconcile(instance_of(service).pk, if_due=True)
        assert instance_of(service).observed_at == first
        fake.wait(60)
        reconcile.reconcile(instance_of(service).pk, if_due=True)
        assert instance_of(service).observed_at > first

    def test_repeated_reconciliation_starts_the_process_once(self, fake, service):
        fake.visit(service, 10)
        assert fake.world.starts == 1

    def test_slow_start_becomes_healthy(self, fake, service):
        fake.behave("slow")
        phases = [fake.visit(service).phase for _ in range(6)]
        assert phases == [Phase.TRANSITIONING] * 4 + [Phase.HEALTHY] * 2

    def test_killed_process_is_unhealthy_and_restarted(self, fake, service):
        fake.visit(service, 2)
        fake.world.kill(instance_of(service).pk)
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.UNHEALTHY, "worker_crashed")
        fake.visit(service)
        assert service.phase == Phase.HEALTHY
        assert fake.world.starts == 2

    def test_vanished_process_is_restarted(self, fake, service):
        fake.visit(service, 2)
        fake.world.running.clear()
        assert fake.visit(service).phase == Phase.UNHEALTHY
        assert fake.visit(service).phase == Phase.HEALTHY


class TestUnfinishedBuild:
    def test_nothing_is_started_before_the_build_has_ended(self, workspace, bob, iris, fake):
        service = deploy(workspace, bob, iris, target=fake.target, built=False)
        fake.visit(service, 3)
        assert (service.phase, fake.world.starts) == (Phase.TRANSITIONING, 0)

    def test_failed_build_is_the_cause(self, workspace, bob, iris, fake):
        service = deploy(workspace, bob, iris, target=fake.target, built=False)
        Build.objects.update(state="failed", error={"code": "package_unknown", "message": "no", "hint": "yes"})
        fake.visit(service)
        assert (service.phase, cause_code(service)) == (Phase.FAILED, "package_unknown")

    def test_finished_build_with_a_lost_message_is_activated(self, workspace, bob, iris, fake):
        service = deploy(workspace, bob, iris, target=fake.target, built=False)
        Build.objects.update(state="succeeded")
        fake.visit(service, 4)
        assert service.phase == Phase.HEALTHY

    def test_old_revision_is_restarted_during_the_build(self, workspace, bob, iris, fake, service):
        fake.visit(service, 2)
        deploy(workspace, bob, make_version(workspace), target=fake.target, overwrite=True, built=False)
        fake.world.kill(instance_of(service).pk)
        fake.visit(service, 2)
        assert observation_of(service, 1).state == "ready"
        assert service.phase == Phase.TRANSITIONING

    def test_failed_update_build_leaves_the_old_revision_serving(self, workspace, bob, iris, fake, service):
        fake.visit(service, 2)
        deploy(workspace, bob, make_version(workspace), target=fake.target, overwrite=True, built=False)
        Build.objects.filter(revision__number=2).update(state="failed", error={"code": "disk_full", "message": "full"})
        fake.visit(service, 2)
        assert (service.phase, service.cause) == (Phase.HEALTHY, None)
        update = describe(service, with_values=False)["update"]
        assert (update["revision"], update["state"], update["error"]["code"]) == (2, "Failed", "disk_full")
        assert fake.world.who_answers(service.pk) == [1]


@pytest.fixture
def update(workspace, bob, fake, service):
    """`update()` deploys and builds the next revision of the service, which is Healthy before."""
    fake.visit(service, 2)
    return lambda **more: deploy(workspace, bob, make_version(workspace), target=fake.target, overwrite=True, **more)


class TestUpdate:
    def test_new_revision_starts_beside_the_serving_one(self, fake, service, update):
        fake.world.behaving[2] = "slow"
        update()
        seen = [(fake.visit(service).phase, fake.world.who_answers(service.pk)) for _ in range(5)]
        assert seen[:4] == [(Phase.TRANSITIONING, [1])] * 4
        fake.visit(service, 4)
        assert (service.phase, fake.world.who_answers(service.pk)) == (Phase.HEALTHY, [2])
        assert service.traffic.get().revision.number == 2

    def test_update_leaves_no_gap_in_serving(self, fake, service, update):
        update()
        answering = []
        for _ in range(8):
            fake.visit(service)
            answering.append(fake.world.who_answers(service.pk))
        assert all(answering), answering
        assert answering[-1] == [2]

    def test_old_revision_is_stopped_when_drained(self, fake, service, update):
        fake.world.busy[instance_of(service).pk] = 3
        update()
        fake.visit(service, 6)
        assert (service.phase, observation_of(service, 1).state, observation_of(service, 1).serving) == (
            Phase.HEALTHY,
            "ready",
            False,
        )
        fake.world.busy.clear()
        fake.visit(service, 2)
        assert observation_of(service, 1).state == "absent"
        assert instance_of(service, 1).phase == Phase.STOPPED

    def test_draining_has_a_deadline(self, fake, service, update):
        fake.world.busy[instance_of(service).pk] = 3
        update()
        fake.visit(service, 12, every=5)
        assert observation_of(service, 1).state == "absent"

    def test_failed_update_leaves_the_old_revision_serving_and_has_a_cause(self, fake, service, update):
        fake.world.behaving[2] = "failing"
        update()
        fake.visit(service, 6)
        assert (service.phase, service.cause, fake.world.who_answers(service.pk)) == (Phase.HEALTHY, None, [1])
        told = describe(service, with_values=False)["update"]
        assert (told["revision"], told["state"], told["error"]["code"]) == (2, "Failed", "init_failed")
        assert "service.revision_activated" not in actions(service)[3:]

    def test_starting_the_service_retries_a_failed_update(self, bob, fake, service, update):
        fake.world.behaving[2] = "failing"
        update()
        fake.visit(service, 6)
        fake.world.behaving.clear()
        service.refresh_from_db()
        lifecycle.start(service, bob)
        fake.visit(service, 6)
        assert (service.phase, fake.world.who_answers(service.pk)) == (Phase.HEALTHY, [2])

    def test_failed_update_is_replaced_by_the_next_one(self, fake, service, update):
        fake.world.behaving[2] = "failing"
        update()
        fake.visit(service, 6)
        update()
        fake.visit(service, 6)
        assert (service.phase, fake.world.who_answers(service.pk)) == (Phase.HEALTHY, [3])
        assert instance_of(service, 2).phase == Phase.STOPPED

    def test_newest_instances_are_kept_for_their_logs(self, fake, service, update):
        for _ in range(6):
            update()
            fake.visit(service, 8)
        assert list(service.instances.order_by("pk").values_list("revision__number", flat=True)) == [3, 4, 5, 6, 7]


class TestStopAndDelete:
    def test_stopped_service_stays_stopped(self, bob, fake, service):
        fake.visit(service, 2)
        lifecycle.stop(service, bob)
        fake.visit(service, 3)
        assert (service.phase, fake.world.running) == (Phase.STOPPED, {})

    def test_stopped_service_can_be_started(self, bob, fake, service):
        fake.visit(service, 2)
        lifecycle.stop(service, bob)
        fake.visit(service, 2)
        lifecycle.start(service, bob)
        fake.visit(service, 2)
        assert service.phase == Phase.HEALTHY

    def test_stop_clears_the_failure(self, bob, fake, service):
        fake.behave("failing")
        fake.visit(service, 3)
        lifecycle.stop(service, bob)
        fake.visit(service, 2)
        assert (service.phase, service.cause) == (Phase.STOPPED, None)

    def test_deletion_removes_process_and_row_and_frees_the_name(self, workspace, bob, iris, fake, service):
        fake.visit(service, 2)
        lifecycle.delete(service, bob)
        instance = instance_of(service)
        visit_until_gone(fake, service)
        assert not Service.objects.exists()
        assert instance.pk not in fake.world.specs
        assert actions(service)[-1] == "deleted"
        assert deploy(workspace, bob, iris, target=fake.target).name == "iris"

    def test_deletion_blocked_by_files_is_explained_and_retried(self, bob, fake, service, monkeypatch):
        def held(driver, ref):
            raise NotRemoved("This cannot be removed: go.mod.")

        fake.visit(service, 2)
        lifecycle.delete(service, bob)
        with monkeypatch.context() as context:
            context.setattr(FakeDriver, "remove", held)
            fake.visit(service)
            assert (service.phase, cause_code(service)) == (Phase.TRANSITIONING, "not_removed")
            fake.visit(service, 7, every=10)
        assert (service.phase, service.cause["message"]) == (Phase.FAILED, "This cannot be removed: go.mod.")
        visit_until_gone(fake, service)
        assert not Service.objects.exists()

    def test_unbuilt_service_can_be_deleted(self, workspace, bob, iris, fake):
        service = deploy(workspace, bob, iris, target=fake.target, built=False)
        lifecycle.delete(service, bob)
        visit_until_gone(fake, service)
        assert not Service.objects.exists()

    def test_deletion_waits_for_an_unavailable_target(self, bob, fake, service, monkeypatch):
        fake.visit(service, 2)
        lifecycle.delete(service, bob)

        def away(driver, ref):
            raise OSError("no route")

        monkeypatch.setattr(FakeDriver, "observe", away)
        fake.visit(service)
        assert service.desired == Desired.DELETED
        assert cause_code(service) == "target_unavailable"


def test_driver_gets_key_digests_only(fake, service):
    fake.visit(service, 2)
    keys = list(service.keys.values_list("value", flat=True))
    told = repr(fake.world.specs[instance_of(service).pk])
    assert len(fake.world.specs[instance_of(service).pk].key_digests) == 2
    assert not [key for key in keys if key in told]


def test_regenerated_key_is_applied_without_a_restart(bob, fake, service):
    fake.visit(service, 2)
    before = fake.world.specs[instance_of(service).pk].key_digests
    keys.regenerate_key(service, "primary", bob)
    fake.visit(service)
    assert service.phase == Phase.HEALTHY
    assert fake.world.specs[instance_of(service).pk].key_digests[0] != before[0]
    assert fake.world.starts == 1
    assert fake.world.specs[instance_of(service).pk] == spec_for(instance_of(service))


def test_start_deadline_counts_from_the_end_of_the_build(workspace, bob, iris, fake):
    service = deploy(workspace, bob, iris, target=fake.target, built=False)
    fake.wait(500)
    Build.objects.update(created_at=fake.now())
    end_build(service)
    fake.behave("slow")
    assert fake.visit(service).phase == Phase.TRANSITIONING
