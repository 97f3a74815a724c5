"""Client keys over REST."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from deployments.models import Key
from studio.core.secrets import digest_of
from tests.deployments.service_factories import deploy

pytestmark = pytest.mark.django_db
KEYS = "/api/v1/workspaces/vision/services/iris/client-keys"


@pytest.fixture
def service(workspace, bob, iris):
    return deploy(workspace, bob, iris)


def test_value_is_in_the_answer_to_its_creation_and_nowhere_else(api, bob, service):
    made = api(bob).post(KEYS, {"name": "shop", "days": 30, "requests_a_day": 1000, "rows_a_day": 5000})
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    assert service.client_keys.get().digest == digest_of(made.json()["value"])
    expiry = datetime.fromisoformat(made.json()["expires_at"])
    assert timedelta(days=29) < expiry - timezone.now() <= timedelta(days=30)
    (listed,) = api(bob).get(KEYS).json()["results"]
    assert listed == {key: value for key, value in made.json().items() if key != "value"}
    assert (listed["requests_a_day"], listed["requests_today"]) == (1000, 0)
    assert (listed["rows_a_day"], listed["rows_today"], listed["rows"]) == (5000, 0, 0)


def test_limits_left_out_stay_and_null_removes_them(api, bob, service):
    client = api(bob)
    client.post(KEYS, {"name": "shop", "days": 30, "requests_a_day": 1000})
    client.patch(f"{KEYS}/shop", {"rows_a_day": 7})
    changed = client.patch(f"{KEYS}/shop", {"requests_a_day": None}).json()
    assert (changed["requests_a_day"], changed["rows_a_day"]) == (None, 7)
    assert changed["expires_at"] is not None
    assert client.patch(f"{KEYS}/shop", {"expires_at": None}).json()["expires_at"] is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "shop", "days": 1, "expires_at": "2099-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "shop", "days": 0}, "days"),
        ({"name": "shop", "quota": 3}, "quota"),
        ({"days": 3}, "name"),
        ({"name": "shop", "value": "short"}, "value"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_field(api, bob, service, given, field):
    answer = api(bob).post(KEYS, given)
    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == [field]
    assert not service.client_keys.exists()


def test_name_and_value_that_exist_are_a_conflict(api, bob, service):
    client = api(bob)
    value = client.post(KEYS, {"name": "shop"}).json()["value"]
    codes = [
        client.post(KEYS, given).json()["errors"][0]["code"]
        for given in ({"name": "shop"}, {"name": "app", "value": value})
    ]
    assert codes == ["client_key_exists", "key_exists"]


def test_regenerated_and_deleted_keys(api, bob, service):
    client = api(bob)
    before = client.post(KEYS, {"name": "shop"}).json()["value"]
    after = client.post(f"{KEYS}/shop/regenerate").json()["value"]
    assert before != after
    assert service.client_keys.get().digest == digest_of(after)
    assert client.delete(f"{KEYS}/shop").status_code == 204
    assert client.delete(f"{KEYS}/shop").status_code == 404
    assert not service.client_keys.exists()


def test_service_that_takes_tokens_has_no_client_keys(api, bob, workspace, iris):
    deploy(workspace, bob, iris, deployment_config={"token_auth": True})
    answer = api(bob).post(KEYS, {"name": "shop"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "service_takes_no_keys")


def test_viewers_see_no_client_keys(api, carol, service):
    assert api(carol).get(KEYS).status_code == 403


def test_own_key_is_chosen_over_rest(api, bob, service):
    address = "/api/v1/workspaces/vision/services/iris/keys/primary/regenerate"
    assert api(bob).post(address, {"value": "a-key-of-my-own-1"}).json()["primary"] == "a-key-of-my-own-1"
    assert Key.objects.get(service=service, slot="primary").value == "a-key-of-my-own-1"
    assert api(bob).post(address, {"value": "bad"}).json()["errors"][0]["attr"] == "value"
