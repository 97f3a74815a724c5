"""Manifests for Azure IoT Edge."""

import json

import pytest

from deployments.edge.iot_manifest import manifest
from deployments.models import Package
from tests.deployments.service_factories import deploy
from tests.registry.factories import make_version

PLACE = "/api/v1/workspaces/vision/services/flowers/iot-edge-manifest"
IMAGE = "registry.example:5000/slipway/flowers@sha256:" + "a" * 64


def test_module_has_the_image_its_routes_and_no_credentials():
    made = manifest("flowers", IMAGE, {"MODE": "fast"}, 1 << 30)["modulesContent"]

    agent, hub = (made[name]["properties.desired"] for name in ("$edgeAgent", "$edgeHub"))
    module = agent["modules"]["flowers"]
    assert module["settings"]["image"] == IMAGE
    assert module["env"] == {"MODE": {"value": "fast"}}
    options = json.loads(module["settings"]["createOptions"])
    assert options["HostConfig"]["PortBindings"] == {"5001/tcp": [{"HostPort": "5001"}]}
    assert options["HostConfig"]["Memory"] == 1 << 30
    credentials = agent["runtime"]["settings"]["registryCredentials"]["registry"]
    assert credentials["address"] == "registry.example:5000"
    assert credentials["password"] == "${REGISTRY_PASSWORD}"
    assert hub["routes"]["modelToCloud"] == "FROM /messages/modules/flowers/outputs/amlOutput INTO $upstream"
    assert set(agent["systemModules"]) == {"edgeAgent", "edgeHub"}


@pytest.fixture
def flowers(workspace, bob, fake):
    return deploy(workspace, bob, make_version(workspace, "iris"), name="flowers", target=fake.target)


@pytest.mark.django_db
def test_image_of_a_package_is_named(api, bob, workspace, flowers):
    revision = flowers.revisions.get()
    Package.objects.create(
        workspace=workspace, revision=revision, config=revision.config, form="image", state="succeeded", reference=IMAGE
    )

    made = api(bob).get(PLACE).json()

    module = made["modulesContent"]["$edgeAgent"]["properties.desired"]["modules"]["flowers"]
    assert module["settings"]["image"] == IMAGE


@pytest.mark.django_db
def test_image_that_no_registry_has_is_refused_with_the_next_step(api, bob, workspace, flowers):
    revision = flowers.revisions.get()
    local = {"form": "image", "state": "succeeded", "reference": "slipway/package:abc"}
    Package.objects.create(workspace=workspace, revision=revision, config=revision.config, **local)

    refused = api(bob).get(PLACE)

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "no_image_reference")
    assert "registry" in refused.json()["errors"][0]["hint"]


@pytest.mark.django_db
def test_unknown_revision_is_not_found(api, bob, flowers):
    assert api(bob).get(PLACE, {"revision": "7"}).status_code == 404
    assert api(bob).get(PLACE, {"revision": "x"}).status_code == 400
