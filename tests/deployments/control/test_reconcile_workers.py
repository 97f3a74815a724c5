"""Concurrent workers on one service, and the tick."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deployments.control import advance, reconcile
from deployments.control.resync import VISIT_SECONDS, resync
from deployments.models import Build, Instance, Phase, Service
from deployments.services import lifecycle
from deployments.targets.base import TargetUnavailable
from tests.deployments.service_factories import actions, deploy, instance_of
from tests.targets.fake.driver import FakeDriver

pytestmark = pytest.mark.django_db


class TestConcurrentWorkers:
    def test_instance_is_reconciled_by_one_worker_at_a_time(self, fake, service, monkeypatch):
        visits, instance = [], instance_of(service)

        def visit(*args):
            visits.append(1)
            reconcile.reconcile(instance.pk)  # the other worker, meanwhile
            return original(*args)

        original = reconcile.visit
        monkeypatch.setattr(reconcile, "visit", visit)
        reconcile.reconcile(instance.pk)
        assert len(visits) == 1

    def test_instance_of_a_dead_worker_is_taken_over_when_the_lease_expires(self, fake, service):
        Instance.objects.update(lease_holder="dead", lease_until=fake.now() + timedelta(seconds=15))
        fake.visit(service)
        assert instance_of(service).observed == {}
        fake.wait(20)
        fake.visit(service, 2)
        assert service.phase == Phase.HEALTHY

    def test_a_lease_and_a_plan_from_before_the_clock_was_set_back_hold_nobody_up(self, fake, service):
        later = fake.now() + timedelta(hours=5)
        Instance.objects.update(lease_holder="dead", lease_until=later, due_at=later)
        reconcile.reconcile_due()
        assert instance_of(service).observed != {}

    def test_worker_that_lost_its_lease_writes_nothing(self, fake, service, monkeypatch):
        original = reconcile.visit

        def slow(*args):
            found = original(*args)
            Instance.objects.update(lease_holder="another")
            return found

        monkeypatch.setattr(reconcile, "visit", slow)
        reconcile.reconcile(instance_of(service).pk)
        instance = instance_of(service)
        assert (instance.observed, instance.lease_holder) == ({}, "another")

    def test_observation_of_an_old_generation_is_discarded(self, bob, fake, service, monkeypatch):
        original = reconcile.visit

        def meanwhile(*args):
            found = original(*args)
            lifecycle.stop(Service.objects.get(), bob)
            advance.advance(service.pk)
            return found

        monkeypatch.setattr(reconcile, "visit", meanwhile)
        reconcile.reconcile(instance_of(service).pk)
        instance = instance_of(service)
        assert (instance.observed, instance.lease_holder, instance.desired) == ({}, "", "stopped")
        assert instance.due_at <= fake.now()

    def test_state_of_a_service_changed_meanwhile_is_not_written(self, bob, fake, service, monkeypatch):
        fake.visit(service, 2)
        original = advance.phase_of_service

        def meanwhile(*args):
            found = original(*args)
            if service.desired != "stopped":
                lifecycle.stop(service, bob)
            return found

        monkeypatch.setattr(advance, "phase_of_service", meanwhile)
        advance.advance(service.pk)
        service.refresh_from_db()
        assert service.phase == Phase.TRANSITIONING
        assert service.due_at is not None

    def test_concurrent_workers_create_one_instance(self, workspace, bob, iris, fake, monkeypatch):
        service = deploy(workspace, bob, iris, target=fake.target, built=False)
        Build.objects.update(state="succeeded")
        original, others = advance.decide, []

        def meanwhile(facts):
            if not others:
                others.append(1)
                advance.advance(service.pk)
            return original(facts)

        monkeypatch.setattr(advance, "decide", meanwhile)
        advance.advance(service.pk)
        assert service.instances.count() == 1
        assert actions(service).count("revision_activated") == 1


class TestTick:
    def test_tick_reconciles_due_rows_only(self, workspace, bob, iris, fake, service):
        later = deploy(workspace, bob, iris, target=fake.target, name="later")
        Instance.objects.filter(service=later).update(due_at=fake.now() + timedelta(seconds=30))
        reconcile.reconcile_due()
        assert set(fake.world.specs) == {instance_of(service).pk}

    def test_tick_enqueues_the_rest_after_its_time_budget(
        self, fake, service, enqueued, monkeypatch, django_capture_on_commit_callbacks
    ):
        monkeypatch.setattr(reconcile, "TICK_SECONDS", -1)
        Service.objects.update(due_at=fake.now())
        with django_capture_on_commit_callbacks(execute=True):
            reconcile.reconcile_due()
        assert ("deployments.tasks.advance", (service.pk,)) in enqueued
        assert ("deployments.tasks.reconcile", (instance_of(service).pk,)) in enqueued

    def test_tick_advances_a_service_whose_worker_died(self, fake, service, monkeypatch):
        with monkeypatch.context() as context:
            context.setattr(reconcile, "advance", lambda service_id: None)
            for _ in range(2):
                fake.wait(2)
                reconcile.reconcile(instance_of(service).pk)
        service.refresh_from_db()
        assert (service.phase, instance_of(service).phase) == (Phase.TRANSITIONING, Phase.HEALTHY)
        fake.wait(1)
        reconcile.reconcile_due()
        service.refresh_from_db()
        assert service.phase == Phase.HEALTHY

    def test_tick_over_settled_services_takes_few_queries(self, workspace, bob, iris, fake, service):
        others = [deploy(workspace, bob, iris, target=fake.target, name=name) for name in ("second", "third")]
        for one in (service, *others):
            fake.visit(one, 3)
        Instance.objects.update(due_at=fake.now())
        with CaptureQueriesContext(connection) as queries:
            reconcile.reconcile_due()
        assert len(queries) == 5
        assert all(one.due_at > fake.now() for one in Instance.objects.all())


class TestSettledInstances:
    @pytest.fixture
    def settled(self, fake, service):
        fake.visit(service, 3)
        fake.wait(5)
        Instance.objects.update(due_at=fake.now())
        return instance_of(service)

    def test_what_is_as_it_was_is_not_visited(self, fake, service, settled):
        reconcile.reconcile_due()
        found = instance_of(service)
        assert found.observed_at == settled.observed_at
        assert found.due_at > fake.now()

    def test_what_is_not_as_it_was_is_visited_at_once(self, fake, service, settled):
        fake.world.kill(settled.pk)
        reconcile.reconcile_due()
        found = instance_of(service)
        assert found.observed_at > settled.observed_at
        assert [one["state"] for one in found.observed["replicas"]] == ["dead"]

    def test_each_is_visited_now_and_then(self, fake, service, settled):
        fake.wait(VISIT_SECONDS)
        reconcile.reconcile_due()
        assert instance_of(service).observed_at > settled.observed_at

    def test_what_changed_meanwhile_stays_due(self, fake, service, settled, monkeypatch):
        look = FakeDriver.observe

        def meanwhile(driver, ref):
            Instance.objects.update(generation=settled.generation + 1)
            return look(driver, ref)

        monkeypatch.setattr(FakeDriver, "observe", meanwhile)
        resync(Instance.objects.all(), fake.now(), time.monotonic() + 3)
        assert instance_of(service).due_at == settled.due_at

    def test_what_cannot_be_looked_at_is_visited(self, fake, service, settled, monkeypatch):
        def away(driver, ref):
            raise TargetUnavailable("nobody answers")

        monkeypatch.setattr(FakeDriver, "observe", away)
        reconcile.reconcile_due()
        assert instance_of(service).observed["obstacle"]["code"] == "target_unavailable"

    def test_what_sleeps_is_looked_at_once_a_minute(self, fake, service, settled):
        Instance.objects.update(replicas=0, generation=settled.generation + 1)
        fake.visit(service, 3)
        pause = instance_of(service).due_at - fake.now()
        assert timedelta(seconds=50) < pause <= timedelta(seconds=60)
