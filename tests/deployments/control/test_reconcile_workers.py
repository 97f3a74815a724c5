"""Several workers over one service, and the tick that sends them."""

from datetime import timedelta

import pytest

from deployments.control import advance, reconcile
from deployments.models import Build, Instance, Phase, Service
from deployments.services import lifecycle
from tests.deployments.service_factories import actions, deploy, instance_of

pytestmark = pytest.mark.django_db


class TestTwoWorkers:
    def test_never_visit_one_instance_at_once(self, fake, service, monkeypatch):
        visits, instance = [], instance_of(service)

        def visit(*args):
            visits.append(1)
            reconcile.reconcile(instance.pk)  # the other worker, meanwhile
            return original(*args)

        original = reconcile.visit
        monkeypatch.setattr(reconcile, "visit", visit)
        reconcile.reconcile(instance.pk)
        assert len(visits) == 1

    def test_a_dead_workers_instance_is_taken_over_when_its_lease_has_lapsed(self, fake, service):
        Instance.objects.update(lease_holder="dead", lease_until=fake.now() + timedelta(seconds=15))
        fake.visit(service)
        assert instance_of(service).observed == {}
        fake.wait(20)
        fake.visit(service, 2)
        assert service.phase == Phase.HEALTHY

    def test_a_worker_that_lost_its_lease_writes_nothing(self, fake, service, monkeypatch):
        original = reconcile.visit

        def slow(*args):
            found = original(*args)
            Instance.objects.update(lease_holder="another")
            return found

        monkeypatch.setattr(reconcile, "visit", slow)
        reconcile.reconcile(instance_of(service).pk)
        instance = instance_of(service)
        assert (instance.observed, instance.lease_holder) == ({}, "another")

    def test_facts_of_an_old_generation_do_not_count(self, bob, fake, service, monkeypatch):
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

    def test_do_not_write_the_state_of_a_service_that_has_changed_meanwhile(self, bob, fake, service, monkeypatch):
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

    def test_that_create_an_instance_at_once_create_one(self, workspace, bob, iris, fake, monkeypatch):
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


class TestTheTick:
    def test_visits_what_is_due_and_nothing_else(self, workspace, bob, iris, fake, service):
        later = deploy(workspace, bob, iris, target=fake.target, name="later")
        Instance.objects.filter(service=later).update(due_at=fake.now() + timedelta(seconds=30))
        reconcile.reconcile_due()
        assert set(fake.world.specs) == {instance_of(service).pk}

    def test_leaves_the_rest_to_others_when_it_takes_long(
        self, fake, service, enqueued, monkeypatch, django_capture_on_commit_callbacks
    ):
        monkeypatch.setattr(reconcile, "TICK_SECONDS", -1)
        Service.objects.update(due_at=fake.now())
        with django_capture_on_commit_callbacks(execute=True):
            reconcile.reconcile_due()
        assert ("deployments.tasks.advance", (service.pk,)) in enqueued
        assert ("deployments.tasks.reconcile", (instance_of(service).pk,)) in enqueued

    def test_takes_up_a_service_whose_worker_died_between_the_visit_and_the_step(self, fake, service, monkeypatch):
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

    def test_over_settled_services_costs_few_queries(self, fake, service, django_assert_num_queries):
        fake.visit(service, 3)
        fake.wait(61)
        with django_assert_num_queries(8):
            reconcile.reconcile_due()
        assert instance_of(service).due_at > fake.now()

    def test_of_what_is_gone_is_no_error(self, db):
        reconcile.reconcile(123456)
        advance.advance(123456)
