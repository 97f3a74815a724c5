"""The loop against a target that misbehaves on order, with a clock that is turned by hand."""

from datetime import timedelta

import pytest

from deployments import reconcile, releases
from deployments.models import Build, Desired, Phase, Service
from deployments.restarts import LOOP
from deployments.spec import spec_for
from tests.deployments.services import actions, deploy, end_build
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(workspace, bob, iris, fake):
    """Deployed and built; the loop has not seen it yet."""
    return deploy(workspace, bob, iris, target=fake.target)


def code(service) -> str | None:
    return service.cause and service.cause["code"]


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
        assert (service.phase, code(service)) == (Phase.UNHEALTHY, "worker_crashed")
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
        assert (service.phase, code(service)) == (Phase.FAILED, "package_unknown")

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
        assert (service.phase, code(service)) == (Phase.FAILED, "disk_full")
        assert service.observed["state"] == "ready"


class TestAnUpdate:
    def test_replaces_the_process(self, workspace, bob, fake, service):
        fake.visit(service, 2)
        newer = deploy(workspace, bob, make_version(workspace), target=fake.target, overwrite=True)
        fake.visit(newer)
        assert newer.phase == Phase.TRANSITIONING
        fake.visit(newer)
        assert (newer.phase, newer.observed["revision"]) == (Phase.HEALTHY, 2)


class TestAFailure:
    def test_for_good_is_not_tried_again(self, fake, service):
        fake.behave("failing")
        fake.visit(service, 10)
        assert (service.phase, code(service)) == (Phase.FAILED, "init_failed")
        assert service.cause["evidence"] == "Traceback …"
        assert fake.driver.starts == 1

    def test_for_good_is_tried_again_when_somebody_starts_it(self, bob, fake, service):
        fake.behave("failing")
        fake.visit(service, 3)
        fake.behave("good")
        releases.start(service, bob)
        fake.visit(service, 2)
        assert service.phase == Phase.HEALTHY

    def test_for_good_is_tried_again_with_a_new_revision(self, workspace, bob, iris, fake, service):
        fake.behave("failing")
        fake.visit(service, 3)
        fake.behave("good")
        fake.visit(deploy(workspace, bob, iris, target=fake.target, overwrite=True), 2)
        service.refresh_from_db()
        assert service.phase == Phase.HEALTHY

    def test_again_and_again_is_retried_more_and_more_slowly_and_then_shown_as_failed(self, fake, service):
        fake.behave("crashing")
        fake.visit(service, 60)
        assert (service.phase, code(service)) == (Phase.FAILED, "worker_crashed")
        assert fake.driver.starts == 1 + LOOP

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
        fake.wait(400)
        fake.visit(service, 3)
        assert (service.phase, code(service)) == (Phase.FAILED, "start_timeout")
        assert fake.driver.observe(service.pk).state == "absent"
        assert fake.driver.starts == 1

    def test_of_a_flapping_service_is_never_shown_as_healthy_and_failed_at_once(self, fake, service):
        fake.behave("flapping")
        seen = {(fake.visit(service).phase, code(service)) for _ in range(40)}
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
        assert (service.phase, code(service)) == (Phase.UNSCHEDULABLE, "no_room")
        fake.wait(301)
        assert fake.visit(service).phase == Phase.FAILED

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
            waits.append(round((service.due_at - fake.now()).total_seconds()))
        assert waits == [2, 4, 8, 16, 32, 60, 60]
        assert code(service) == "target_unavailable"

    def test_that_breaks_in_an_unknown_way_stops_nobody_else(self, workspace, bob, iris, fake, service, monkeypatch):
        healthy = deploy(workspace, bob, iris, target=fake.target, name="other")
        observe = fake.driver.observe

        def broken(service_id):
            if service_id == service.pk:
                raise ZeroDivisionError("a bug")
            return observe(service_id)

        monkeypatch.setattr(fake.driver, "observe", broken)
        for _ in range(3):
            fake.wait(2)
            reconcile.reconcile_due()
        healthy.refresh_from_db()
        service.refresh_from_db()
        assert healthy.phase == Phase.HEALTHY
        assert code(service) == "target_unavailable"
        assert "a bug" in service.cause["evidence"]

    def test_that_nobody_knows_is_stepped_over(self, workspace, fake, service, monkeypatch):
        def unknown(name):
            raise LookupError(name)

        monkeypatch.setattr(reconcile, "driver_for", unknown)
        reconcile.reconcile(service.pk)
        service.refresh_from_db()
        assert service.lease_holder == ""
        assert service.due_at > fake.now()


class TestGoingAway:
    def test_a_stopped_service_stops_and_stays(self, bob, fake, service):
        fake.visit(service, 2)
        releases.stop(service, bob)
        fake.visit(service, 3)
        assert (service.phase, fake.driver.running) == (Phase.STOPPED, {})

    def test_a_stopped_service_starts_again(self, bob, fake, service):
        fake.visit(service, 2)
        releases.stop(service, bob)
        fake.visit(service, 2)
        releases.start(service, bob)
        fake.visit(service, 2)
        assert service.phase == Phase.HEALTHY

    def test_a_stopped_service_forgets_its_failure(self, bob, fake, service):
        fake.behave("failing")
        fake.visit(service, 3)
        releases.stop(service, bob)
        fake.visit(service, 2)
        assert (service.phase, service.cause) == (Phase.STOPPED, None)

    def test_a_deleted_service_leaves_no_process_no_row_and_a_free_name(self, workspace, bob, iris, fake, service):
        fake.visit(service, 2)
        releases.delete(service, bob)
        reconcile.reconcile(service.pk)
        reconcile.reconcile(service.pk)
        assert not Service.objects.exists()
        assert not fake.driver.holds(service.pk)
        assert actions(service)[-1] == "deleted"
        assert deploy(workspace, bob, iris, target=fake.target).name == "iris"

    def test_a_service_that_was_never_built_can_be_deleted(self, workspace, bob, iris, fake):
        service = deploy(workspace, bob, iris, target=fake.target, built=False)
        releases.delete(service, bob)
        reconcile.reconcile(service.pk)
        assert not Service.objects.exists()

    def test_a_service_whose_target_is_away_is_not_forgotten(self, bob, fake, service, monkeypatch):
        fake.visit(service, 2)
        releases.delete(service, bob)

        def away(service_id):
            raise OSError("no route")

        monkeypatch.setattr(fake.driver, "observe", away)
        fake.visit(service)
        assert service.desired == Desired.DELETED
        assert code(service) == "target_unavailable"


class TestTwoWorkers:
    def test_never_visit_one_service_at_once(self, fake, service, monkeypatch):
        visits = []

        def visit(*args):
            visits.append(1)
            reconcile.reconcile(service.pk)  # the other worker, meanwhile
            return original(*args)

        original = reconcile.visit
        monkeypatch.setattr(reconcile, "visit", visit)
        reconcile.reconcile(service.pk)
        assert len(visits) == 1

    def test_a_dead_workers_service_is_taken_over_when_its_lease_has_lapsed(self, fake, service):
        Service.objects.update(lease_holder="dead", lease_until=fake.now() + timedelta(seconds=15))
        assert fake.visit(service).observed == {}
        fake.wait(20)
        fake.visit(service, 2)
        assert service.phase == Phase.HEALTHY

    def test_a_worker_that_lost_its_lease_writes_nothing(self, fake, service, monkeypatch):
        original = reconcile.visit

        def slow(*args):
            found = original(*args)
            Service.objects.update(lease_holder="another")
            return found

        monkeypatch.setattr(reconcile, "visit", slow)
        reconcile.reconcile(service.pk)
        service.refresh_from_db()
        assert (service.observed, service.lease_holder) == ({}, "another")

    def test_facts_of_an_old_generation_do_not_count(self, bob, fake, service, monkeypatch):
        original = reconcile.visit

        def meanwhile(*args):
            found = original(*args)
            releases.stop(Service.objects.get(), bob)
            return found

        monkeypatch.setattr(reconcile, "visit", meanwhile)
        reconcile.reconcile(service.pk)
        service.refresh_from_db()
        assert (service.observed, service.lease_holder, service.phase) == ({}, "", Phase.TRANSITIONING)
        assert service.due_at <= fake.now()


class TestTheTick:
    def test_visits_what_is_due_and_nothing_else(self, workspace, bob, iris, fake, service):
        later = deploy(workspace, bob, iris, target=fake.target, name="later")
        Service.objects.filter(pk=later.pk).update(due_at=fake.now() + timedelta(seconds=30))
        reconcile.reconcile_due()
        assert set(fake.driver.specs) == {service.pk}

    def test_rings_for_the_rest_when_it_takes_long(
        self, fake, service, rings, monkeypatch, django_capture_on_commit_callbacks
    ):
        monkeypatch.setattr(reconcile, "TICK_SECONDS", -1)
        with django_capture_on_commit_callbacks(execute=True):
            reconcile.reconcile_due()
        assert ("deployments.tasks.reconcile", (service.pk,)) in rings

    def test_of_a_settled_service_costs_few_queries(self, fake, service, django_assert_max_num_queries):
        fake.visit(service, 3)
        with django_assert_max_num_queries(14):
            reconcile.reconcile(service.pk)

    def test_of_a_service_that_is_gone_is_no_error(self, db):
        reconcile.reconcile(123456)


def test_a_key_goes_to_the_driver_as_a_digest_only(fake, service):
    fake.visit(service, 2)
    keys = list(service.keys.values_list("value", flat=True))
    told = repr(fake.driver.specs[service.pk])
    assert len(fake.driver.specs[service.pk].key_digests) == 2
    assert not [key for key in keys if key in told]


def test_a_regenerated_key_reaches_the_driver_and_the_process_stays(bob, fake, service):
    fake.visit(service, 2)
    before = fake.driver.specs[service.pk].key_digests
    releases.regenerate_key(service, "primary", bob)
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
