"""A built revision gets the traffic, once."""

import threading
from contextlib import suppress

import pytest
from django.db import connections

from deployments import desired_state
from deployments.models import Revision
from deployments.services import lifecycle
from deployments.traffic.activation import activate
from tests.deployments.service_factories import actions, deploy

pytestmark = pytest.mark.django_db


class TestActivating:
    def test_twice_is_harmless(self, workspace, bob, iris):
        service = deploy(workspace, bob, iris)
        generation = service.generation
        assert activate(service.revisions.get()) is True
        service.refresh_from_db()
        assert service.generation == generation

    def test_a_revision_that_was_overtaken_does_nothing(self, workspace, bob, iris):
        service = deploy(workspace, bob, iris, built=False)
        deploy(workspace, bob, iris, overwrite=True)
        assert activate(service.revisions.get(number=1)) is False
        assert service.traffic.get().revision.number == 2

    def test_does_not_bring_back_what_is_being_deleted(self, workspace, bob, iris):
        service = deploy(workspace, bob, iris, built=False)
        lifecycle.delete(service, bob)
        assert activate(service.revisions.get()) is False


@pytest.mark.django_db(transaction=True)
def test_of_a_build_and_a_loop_that_activate_at_once_one_does(workspace, bob, iris, monkeypatch):
    service = deploy(workspace, bob, iris, built=False)
    both_have_looked, outcomes = threading.Barrier(2), []

    def transition_columns():
        with suppress(threading.BrokenBarrierError):  # the other one waits for the first to end
            both_have_looked.wait(1)
        return desired_state.transition_columns()

    def one():
        try:
            outcomes.append(activate(Revision.objects.get(service=service)))
        finally:
            connections.close_all()

    monkeypatch.setattr("deployments.traffic.activation.transition_columns", transition_columns)
    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes == [True, True]
    assert actions(service) == ["deployed", "revision_activated"]
    generation = service.generation
    service.refresh_from_db()
    assert service.generation == generation + 1
