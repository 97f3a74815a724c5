"""Devices over REST: keys shown once, documents signed for one device alone, reports kept."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.test import Client

from deployments.edge import device_rollouts, devices, signing
from deployments.models import Device, Target
from deployments.recipe.spec import ref_of, spec_for
from deployments.services.targets import add_target
from deployments.targets import driver_for
from deployments.targets.base import Route
from monitoring.models import MetricWindow
from scoring.edge.documents import Desired
from tests.deployments.service_factories import deploy, instance_of
from tests.registry.factories import make_version
from tests.targets.edge_specs import pack

pytestmark = pytest.mark.django_db
PLACE = "/api/v1/workspaces/vision/targets/plant/devices"


@pytest.fixture
def plant(workspace, alice, data):
    add_target(workspace, alice, "plant", "edge", {"bake_seconds": 0})
    return Target.objects.get(name="plant")


@pytest.fixture
def hall(plant, alice):
    """A device and its key."""
    return devices.add_device(plant, alice, "hall-3", ["canary"])


@pytest.fixture
def published(workspace, bob, plant):
    """A service that is published for the devices of the plant."""
    service = deploy(workspace, bob, make_version(workspace, "iris"), name="flowers", target=plant)
    instance = instance_of(service)
    pack(instance.revision.content_hash)
    driver = driver_for(plant)
    driver.apply(spec_for(instance))
    driver.route(Route(service.pk, instance=ref_of(instance)))
    device_rollouts.advance_device_rollouts()
    return service


def poll(key, sequence=0, **report):
    body = json.dumps({"sequence": sequence} | report)
    headers = {"Authorization": f"Bearer {key}"}
    return Client().post("/api/v1/edge/poll", body, content_type="application/json", headers=headers)


def test_key_is_shown_once_and_kept_as_a_digest(api, alice, plant):
    made = api(alice).post(PLACE, {"name": "hall-3", "labels": ["canary"]})

    agent = made.json()["agent"]
    assert made.status_code == 201
    assert agent["key"].startswith("slwd_")
    assert agent["public_key"] == signing.public_key()
    assert agent["key"] not in json.dumps(api(alice).get(f"{PLACE}/hall-3").json())
    assert not Device.objects.filter(key_digest__contains=agent["key"]).exists()


def test_device_gets_its_signed_document_and_then_nothing(hall, published):
    device, key = hall
    envelope = poll(key).json()

    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(signing.public_key()))
    public.verify(base64.b64decode(envelope["signature"]), envelope["document"].encode())
    document = json.loads(envelope["document"])
    assert document["device"] == str(device.pk)
    assert [service["name"] for service in document["services"]] == ["flowers"]
    assert poll(key, document["sequence"]).status_code == 204


def test_agent_takes_the_document(hall, published, tmp_path):
    device, key = hall
    desired = Desired(tmp_path, str(device.pk), base64.b64decode(signing.public_key()))

    assert desired.accept(poll(key).json())
    assert desired.services[0]["release"]["revision"] == 1


def test_sequence_rises_above_what_a_device_has_seen(hall, published):
    """As after the studio was restored from a backup."""
    envelope = poll(hall[1], sequence=500).json()

    assert json.loads(envelope["document"])["sequence"] == 501


def test_report_is_shown_as_desired_against_running(api, carol, hall, published):
    report = {str(published.pk): {"state": "running", "running": 1, "wanted": 1, "problem": None}}
    poll(hall[1], services=report)

    (shown,) = api(carol).get(PLACE).json()["results"]

    assert shown["online"]
    service = shown["services"][0]
    assert (service["service"], service["desired"], service["running"], service["state"]) == (
        "flowers",
        1,
        1,
        "running",
    )


@pytest.mark.parametrize("key", ["", "slwd_guessed", "slw_token"])
@pytest.mark.parametrize("path", ["poll", "parts/abc", "agent.pyz", "telemetry"])
def test_other_keys_get_nothing(hall, key, path):
    client = Client(headers={"Authorization": f"Bearer {key}"})
    address = f"/api/v1/edge/{path}"
    answer = client.get(address) if path in {"parts/abc", "agent.pyz"} else client.post(address)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "unknown_device_key")


def test_revoked_key_stops_working_at_once(api, alice, hall):
    assert api(alice).post(f"{PLACE}/hall-3/revoke-key").status_code == 200
    assert poll(hall[1]).status_code == 401


def test_new_key_replaces_the_old_one(api, alice, hall):
    made = api(alice).post(f"{PLACE}/hall-3/regenerate-key").json()

    assert poll(hall[1]).status_code == 401
    assert poll(made["agent"]["key"]).status_code == 200


def test_only_parts_of_what_the_device_runs_are_sent(hall, published):
    client = Client(headers={"Authorization": f"Bearer {hall[1]}"})
    part = client.get(f"/api/v1/edge/parts/{'c' * 64}")

    assert b"".join(part.streaming_content) == b"content"
    assert client.get(f"/api/v1/edge/parts/{'d' * 64}").status_code == 404


def test_contributors_see_devices_and_admins_change_them(api, bob, hall):
    assert api(bob).get(PLACE).status_code == 200
    assert api(bob).post(PLACE, {"name": "hall-4"}).status_code == 403


def test_other_kinds_of_targets_have_no_devices(api, alice, workspace):
    answer = api(alice).post("/api/v1/workspaces/vision/targets/local/devices", {"name": "hall-3"})

    assert (answer.status_code, "has no devices" in answer.json()["errors"][0]["detail"]) == (400, True)


def test_telemetry_lands_under_the_device_with_its_clock_corrected(hall, published):
    window = {"revision": 1, "replica": "device-999", "sequence": 5, "start": 1000.0, "seconds": 5.0}
    push = {"service": published.pk, "windows": [window], "clock": 1010.0}
    headers = {"Authorization": f"Bearer {hall[1]}"}

    answer = Client().post("/api/v1/edge/telemetry", push, content_type="application/json", headers=headers)

    assert answer.json() == {"accepted": 1}
    kept = MetricWindow.objects.get()
    assert kept.replica == f"device-{hall[0].pk}"
    assert kept.start.year >= 2026


def test_report_that_is_none_is_refused(hall):
    headers = {"Authorization": f"Bearer {hall[1]}"}
    answer = Client().post("/api/v1/edge/poll", "[]", content_type="application/json", headers=headers)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "report_malformed")


def test_failure_stops_the_rollout_until_somebody_resumes_it(api, bob, hall, published):
    failed = {"state": "failed", "running": None, "wanted": 1, "problem": {"message": "It does not load."}}
    published.device_rollouts.update(state="rolling", next=published.device_rollouts.get().stable or "", stable="")
    published.device_rollouts.update(next_revision=1)
    poll(hall[1], services={str(published.pk): failed})
    device_rollouts.advance_device_rollouts()
    (stopped,) = api(bob).get("/api/v1/workspaces/vision/targets/plant/device-rollouts").json()

    assert (stopped["state"], stopped["failed"]) == ("stopped", 1)
    assert stopped["reason"] == "It does not run on hall-3: It does not load."

    (resumed,) = api(bob).post("/api/v1/workspaces/vision/targets/plant/device-rollouts/flowers/resume").json()
    assert resumed["state"] == "rolling"


def test_deleted_service_leaves_the_devices(hall, published):
    from deployments.targets.edge.published import target_folder

    target_folder(published.target_id).current(published.pk).unlink()
    device_rollouts.advance_device_rollouts()

    assert json.loads(poll(hall[1]).json()["document"])["services"] == []


def test_page_adds_a_device_and_shows_its_key_once(sign_in, alice, plant):
    browser, address = sign_in(alice), "/w/vision/settings/targets/at/plant/devices/"
    made = browser.post(address, {"name": "hall-3", "labels": "canary, north"}).content.decode()

    assert "slwd_" in made
    assert Device.objects.get().labels == ["canary", "north"]
    shown = browser.get(address).content.decode()
    assert "hall-3" in shown
    assert "&quot;key&quot;" not in shown


def test_page_makes_a_new_key_after_a_question(sign_in, alice, hall):
    browser, address = sign_in(alice), "/w/vision/settings/targets/at/plant/devices/at/hall-3/key/"
    assert poll(hall[1]).status_code == 200
    assert "Make a new key for hall-3?" in browser.get(address).content.decode()
    assert "&quot;key&quot;" in browser.post(address).content.decode()
    assert poll(hall[1]).status_code == 401


def test_page_removes_a_device(sign_in, alice, hall):
    sign_in(alice).post("/w/vision/settings/targets/at/plant/devices/at/hall-3/remove/")

    assert not Device.objects.exists()
