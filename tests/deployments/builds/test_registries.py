"""Registries with a login: kept, pushed to on build, run by digest, and what is said when it does not work."""

import pytest
from django.db import connection

from deployments.builds import builds, revision_images
from deployments.builds.registry_logins import registry_of
from deployments.models import ImageRegistry
from deployments.services import registries
from studio.core.errors import BadInput, Conflict
from tests.deployments.builds.test_image_builds import _own_images, boxes  # noqa: F401 - fixtures
from tests.deployments.service_factories import deploy, run_build
from tests.image_registry import registry_at

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"


def test_password_is_encrypted_and_shown_to_nobody(workspace, alice, api):
    made = {"name": "company", "address": "registry.example.org/models", "username": "ci", "password": PASSWORD}
    answer = api(alice).post("/api/v1/workspaces/vision/registries", made)
    assert answer.status_code == 201, answer.content
    assert PASSWORD not in answer.content.decode()
    with connection.cursor() as cursor:
        cursor.execute("select password from deployments_imageregistry")
        assert PASSWORD not in str(cursor.fetchall())
    assert ImageRegistry.objects.get().login == {"username": "ci", "password": PASSWORD}
    shown = api(alice).get("/api/v1/workspaces/vision/registries/company").json()
    assert (shown["has_password"], "password" in shown) == (True, False)


def test_change_keeps_what_is_not_given(workspace, alice, api):
    registries.add_registry(workspace, alice, "company", address="r.example", username="ci", password=PASSWORD)
    answer = api(alice).patch("/api/v1/workspaces/vision/registries/company", {"push": True})
    assert (answer.status_code, answer.json()["push"]) == (200, True)
    assert ImageRegistry.objects.get().password == PASSWORD


@pytest.mark.parametrize("address", ["https://r.example", "r.example/", "-r", "r.example/UPPER", "", "r ex", "r:port"])
def test_address_that_cannot_be_is_refused(workspace, alice, address):
    with pytest.raises(BadInput):
        registries.add_registry(workspace, alice, "company", address=address)


def test_name_is_taken_once(workspace, alice):
    registries.add_registry(workspace, alice, "company", address="r.example")
    with pytest.raises(Conflict):
        registries.add_registry(workspace, alice, "company", address="other.example")


def test_login_is_that_of_the_longest_address_the_image_begins_with(workspace, alice, elsewhere, mallory):
    for name, address in {"all": "r.example", "models": "r.example/models"}.items():
        registries.add_registry(workspace, alice, name, address=address)
    registries.add_registry(elsewhere, mallory, "theirs", address="r.example/models/deep")
    found = {
        name: registry_of("vision", name) for name in ("r.example/models/deep/a:1", "r.example/b", "r.example.org/b")
    }
    assert [str(each) for each in found.values()] == ["models", "all", "None"]


@pytest.mark.usefixtures("base_image")
def test_built_image_is_pushed_with_a_login_and_run_by_digest(workspace, alice, bob, iris, boxes, engine, tmp_path):  # noqa: F811
    with registry_at(tmp_path / "registry", user="ci", password=PASSWORD) as address:
        where = {"address": f"{address}/models", "push": True}
        registry = registries.add_registry(workspace, alice, "company", **where)
        service = deploy(workspace, bob, iris, built=False, target=boxes)
        refused = run_build(service)
        assert (refused.state, refused.error["code"]) == ("failed", "registry_login")
        assert "Settings, Registries" in refused.error["hint"]

        registries.change_registry(registry, alice, username="ci", password=PASSWORD)
        builds.build_for(service.revisions.get())
        revision = run_build(service).revision
        reference = revision_images.image_for(revision, boxes)
        assert reference.startswith(f"{address}/models/slipway@sha256:")
        image_id = engine.api.inspect_image(reference)["Id"]
        engine.api.remove_image(image_id, force=True)
        engine.api.pull(reference, auth_config=registry.login)
        assert engine.api.inspect_image(reference)["Id"] == image_id


@pytest.mark.usefixtures("base_image")
def test_registry_that_is_not_there(workspace, alice, bob, iris, boxes):  # noqa: F811
    registries.add_registry(workspace, alice, "company", address="127.0.0.1:1/models", push=True)
    build = run_build(deploy(workspace, bob, iris, built=False, target=boxes))
    assert (build.state, build.error["code"]) == ("failed", "registry_unreachable")


def test_page_lists_adds_and_removes(workspace, alice, bob, sign_in):
    page = "/w/vision/settings/registries/"
    form = {"name": "company", "address": "r.example", "username": "ci", "password": PASSWORD, "push": "1"}
    assert sign_in(bob).post(page, form).status_code == 403
    assert sign_in(alice).post(page, form | {"address": "https://r.example"}).status_code == 400
    assert sign_in(alice).post(page, form).status_code == 302
    shown = sign_in(bob).get(page).content.decode()
    assert "r.example" in shown
    assert PASSWORD not in shown
    assert sign_in(alice).post(f"{page}at/company/remove/").status_code == 302
    assert not ImageRegistry.objects.exists()
