"""Keys of services."""

import pytest

from deployments.models import Key, Phase, Service
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


AZURE = {"computeType": "aci", "authEnabled": True}
CHOSEN = {"primaryKey": "a-key-of-my-own-choice", "secondaryKey": "another-key-of-my-own"}


def deployed_with(api, bob, keys, **more):
    body = {"name": "iris", "models": ["iris:1"], "deployment_config": AZURE | {"keys": keys}}
    return api(bob).post("/api/v1/workspaces/vision/services", body | more, format="json")


def keys_now() -> dict[str, str]:
    return {key.slot: key.value for key in Key.objects.all()}


def test_keys_of_azures_file_are_the_keys_of_the_service(api, bob, iris):
    answer = deployed_with(api, bob, CHOSEN)
    assert answer.status_code == 201, answer.json()
    assert keys_now() == {"primary": CHOSEN["primaryKey"], "secondary": CHOSEN["secondaryKey"]}
    assert CHOSEN["primaryKey"] not in answer.content.decode()
    again = CHOSEN | {"secondaryKey": "a-third-key-of-my-own"}
    assert deployed_with(api, bob, again, overwrite=True).status_code == 201
    assert keys_now() == {"primary": CHOSEN["primaryKey"], "secondary": "a-third-key-of-my-own"}


@pytest.mark.parametrize(
    ("keys", "more", "status"),
    [
        ({"primaryKey": "short"}, {}, 400),
        ({"primaryKey": "a-key-of-my-own-choice", "secondaryKey": "a-key-of-my-own-choice"}, {}, 409),
        (CHOSEN, {"tokenAuthEnabled": True, "authEnabled": False}, 400),
    ],
)
def test_keys_that_cannot_be_leave_nothing_behind(api, bob, iris, keys, more, status):
    body = {"name": "iris", "models": ["iris:1"], "deployment_config": AZURE | more | {"keys": keys}}
    assert api(bob).post("/api/v1/workspaces/vision/services", body, format="json").status_code == status
    assert not Key.objects.exists()
