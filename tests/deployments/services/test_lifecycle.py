"""Stopping, starting and deleting services."""

import pytest

from deployments.errors import (
    BeingDeleted,
    ChangedMeanwhile,
)
from deployments.models import Desired, Service
from deployments.services import lifecycle
from tests.deployments.service_factories import actions, deploy

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("verb", "desired", "action"),
    [
        (lifecycle.stop, Desired.STOPPED, "stopped"),
        (lifecycle.start, Desired.RUNNING, "started"),
        (lifecycle.delete, Desired.DELETED, "deletion_requested"),
    ],
)
def test_verb_sets_the_desired_state_and_records_an_event(
    workspace, bob, iris, enqueued, verb, desired, action, django_capture_on_commit_callbacks
):
    service = deploy(workspace, bob, iris)
    generation = service.generation
    with django_capture_on_commit_callbacks(execute=True):
        verb(service, bob)
    assert (service.desired, service.generation) == (desired, generation + 1)
    assert actions(service)[-1] == action
    assert ("deployments.tasks.advance", (service.pk,)) in enqueued


def test_concurrent_change_is_detected(workspace, bob, alice, iris):
    deployed = deploy(workspace, bob, iris)
    seen_by_alice = Service.objects.get(pk=deployed.pk)
    lifecycle.stop(deployed, bob)
    with pytest.raises(ChangedMeanwhile):
        lifecycle.delete(seen_by_alice, alice)


def test_second_deletion_does_nothing(workspace, bob, iris):
    service = deploy(workspace, bob, iris)
    lifecycle.delete(service, bob)
    lifecycle.delete(service, bob)
    assert actions(service).count("deletion_requested") == 1


@pytest.mark.parametrize("verb", [lifecycle.stop, lifecycle.start])
def test_service_being_deleted_cannot_be_stopped_or_started(workspace, bob, iris, verb):
    service = deploy(workspace, bob, iris)
    lifecycle.delete(service, bob)
    with pytest.raises(BeingDeleted):
        verb(service, bob)
