"""Pages of client keys."""

import pytest

from deployments.services.client_keys import create_client_key
from studio.core.secrets import digest_of
from tests.deployments.service_factories import deploy
from tests.pages import text_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(workspace, bob, iris):
    return deploy(workspace, bob, iris)


def test_created_key_is_shown_once(sign_in, bob, service):
    client, address = sign_in(bob), url("client_key_list", name="iris")
    page = client.post(address, {"name": "shop", "days": "90", "requests_a_day": "1000"})
    value = page.context["value"]
    assert service.client_keys.get().digest == digest_of(value)
    assert value in text_of(page)
    later = text_of(client.get(address))
    assert value not in later
    assert "shop" in later
    assert "0 of 1,000" in later


def test_refused_key_is_said_beside_its_field(sign_in, bob, service):
    page = sign_in(bob).post(url("client_key_list", name="iris"), {"name": "primary", "days": ""})
    assert page.status_code == 422
    assert "'primary' has a meaning of its own." in page.context["form"].errors["name"][0]


def test_limits_are_changed_and_the_expiry_kept(sign_in, bob, service):
    client = sign_in(bob)
    client.post(url("client_key_list", name="iris"), {"name": "shop", "days": "90"})
    expiry = service.client_keys.get().expires_at
    address = url("client_key_change", name="iris", key="shop")
    assert f"as now: {expiry:%Y-%m-%d}" in client.get(address).content.decode()
    client.post(address, {"days": "keep", "requests_a_day": "5", "rows_a_day": "70"})
    assert "0 of 70 rows" in text_of(client.get(url("client_key_list", name="iris")))
    assert 'value="70"' in client.get(address).content.decode()
    assert (service.client_keys.get().expires_at, service.client_keys.get().requests_a_day) == (expiry, 5)
    client.post(address, {"days": "", "requests_a_day": "5"})
    assert service.client_keys.get().expires_at is None


def test_questions_come_before_a_new_value_and_deletion(sign_in, bob, service):
    before, _ = create_client_key(service, bob, "shop")
    client = sign_in(bob)
    regenerate, delete = (url(f"client_key_{verb}", name="iris", key="shop") for verb in ("regenerate", "delete"))
    assert "Create a new value for the key shop?" in text_of(client.get(regenerate))
    assert "Delete the client key shop?" in text_of(client.get(delete))
    assert service.client_keys.get().digest == before.digest
    value = client.post(regenerate).context["value"]
    assert service.client_keys.get().digest == digest_of(value) != before.digest
    client.post(delete)
    assert not service.client_keys.exists()


def test_key_of_ones_own_is_chosen_on_the_settings_tab(sign_in, bob, service):
    client = sign_in(bob)
    assert 'name="value"' in client.get(url("service_detail", name="iris") + "?tab=settings").content.decode()
    client.post(url("service_regenerate_key", name="iris"), {"slot": "primary", "value": "a-key-of-my-own-1"})
    assert service.keys.get(slot="primary").value == "a-key-of-my-own-1"
