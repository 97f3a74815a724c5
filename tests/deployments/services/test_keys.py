"""Keys of services."""

import pytest

from deployments.models import Phase, Service
from deployments.services.keys import regenerate_key
from studio.core.errors import NotFound
from tests.deployments.service_factories import actions, deploy

pytestmark = pytest.mark.django_db


def test_regenerating_a_key_leaves_the_other(workspace, bob, iris):
    service = deploy(workspace, bob, iris)
    before = {key.slot: key.value for key in service.keys.all()}
    regenerate_key(service, "primary", bob)
    after = {key.slot: key.value for key in service.keys.all()}
    assert after["primary"] != before["primary"]
    assert after["secondary"] == before["secondary"]
    assert actions(service)[-1] == "key_regenerated"


def test_regenerating_a_key_keeps_the_phase(workspace, bob, iris):
    service = deploy(workspace, bob, iris)
    Service.objects.update(phase=Phase.HEALTHY)
    regenerate_key(service, "secondary", bob)
    assert Service.objects.get().phase == Phase.HEALTHY


def test_regenerated_key_leaves_no_change_that_is_not_carried_out(fake, service, bob):
    """The loop comes for a settled service only when that is due."""
    fake.visit(service, 3)
    assert service.due_at is None
    regenerate_key(service, "primary", bob)
    service.refresh_from_db()
    assert service.due_at is not None
    fake.visit(service, 2)
    assert service.observed_generation == service.generation


def test_unknown_slot_is_not_found(workspace, bob, iris):
    with pytest.raises(NotFound):
        regenerate_key(deploy(workspace, bob, iris), "tertiary", bob)
