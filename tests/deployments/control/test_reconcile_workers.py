"""Several workers over one service, and the tick that sends them."""

from datetime import timedelta

import pytest

from deployments.control import reconcile
from deployments.models import Phase, Service
from deployments.services import lifecycle
from tests.deployments.service_factories import deploy

pytestmark = pytest.mark.django_db


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
            lifecycle.stop(Service.objects.get(), bob)
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

    def test_enqueues_the_rest_when_it_takes_long(
        self, fake, service, enqueued, monkeypatch, django_capture_on_commit_callbacks
    ):
        monkeypatch.setattr(reconcile, "TICK_SECONDS", -1)
        with django_capture_on_commit_callbacks(execute=True):
            reconcile.reconcile_due()
        assert ("deployments.tasks.reconcile", (service.pk,)) in enqueued

    def test_of_a_settled_service_costs_few_queries(self, fake, service, django_assert_max_num_queries):
        fake.visit(service, 3)
        with django_assert_max_num_queries(14):
            reconcile.reconcile(service.pk)

    def test_of_a_service_that_is_gone_is_no_error(self, db):
        reconcile.reconcile(123456)
