"""Traffic shares of revisions: written once, and only for the current generation."""

import threading

import pytest
from django.db import connections

from deployments.models import Service
from deployments.services import lifecycle
from deployments.traffic.shares import ALL, Share, set_traffic, shares_of
from tests.deployments.service_factories import actions, deploy

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(workspace, bob, iris):
    deployed = deploy(workspace, bob, iris, built=False)
    deploy(workspace, bob, iris, overwrite=True, built=False)
    deployed.refresh_from_db()
    return deployed


def slots(service) -> dict[int, list]:
    return dict(service.traffic.values_list("revision__number", "slots"))


def test_named_revisions_get_their_shares_and_others_none(service):
    assert set_traffic(service, {1: ALL}, 1)
    assert slots(service) == {1: [[0, 9999]]}
    assert set_traffic(service, {1: Share(90), 2: Share(10, 5)}, 1)
    assert shares_of(service) == {1: Share(90), 2: Share(10, 5)}
    assert slots(service) == {1: [[0, 8999]], 2: [[9999, 9000]]}
    assert set_traffic(service, {2: ALL}, 2)
    assert shares_of(service) == {2: ALL}


def test_the_default_before_is_remembered(service):
    set_traffic(service, {1: ALL}, 1)
    set_traffic(service, {1: Share(10), 2: Share(90)}, 1)
    service.refresh_from_db()
    assert (service.default_revision, service.previous_revision) == (1, 0)
    set_traffic(service, {2: ALL}, 2)
    service.refresh_from_db()
    assert (service.default_revision, service.previous_revision) == (2, 1)


def test_unchanged_shares_are_recorded_once(service):
    assert [set_traffic(service, {1: ALL}, 1) for _ in range(3)] == [True] * 3
    assert actions(service).count("revision_activated") == 1


def test_service_changed_meanwhile_keeps_its_shares(bob, service):
    seen = Service.objects.get(pk=service.pk)
    lifecycle.stop(service, bob)
    assert not set_traffic(seen, {1: ALL}, 1)
    assert shares_of(service) == {}


def test_a_service_that_is_being_deleted_gets_no_traffic(bob, service):
    lifecycle.delete(service, bob)
    assert not set_traffic(service, {1: ALL}, 1)


@pytest.mark.django_db(transaction=True)
def test_concurrent_changes_are_recorded_once(workspace, bob, iris):
    service, together, outcomes = deploy(workspace, bob, iris, built=False), threading.Barrier(2), []

    def one():
        try:
            together.wait(10)
            outcomes.append(set_traffic(service, {1: ALL}, 1))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes == [True, True]
    assert shares_of(service) == {1: ALL}
    assert actions(service).count("revision_activated") == 1
