"""Workspaces and roles."""

import pytest

from studio.accounts.models import Membership, Workspace
from studio.activity.models import Event

pytestmark = pytest.mark.django_db
MEMBERS = "/w/vision/settings/members/"


def role_of(person):
    return Membership.objects.get(user=person, workspace__slug="vision").role


def test_an_administrator_of_the_studio_adds_somebody_by_name(sign_in, superuser, workspace, mallory):
    sign_in(superuser).post(MEMBERS, {"username": "mallory", "role": "viewer"})
    assert role_of(mallory) == "viewer"


@pytest.mark.parametrize("username", ["mallory", "nobody"])
def test_an_admin_of_a_workspace_adds_nobody_by_name_and_learns_no_names(sign_in, api, alice, mallory, username):
    given = {"username": username, "role": "viewer"}

    page, answer = sign_in(alice).post(MEMBERS, given), api(alice).post("/api/v1/workspaces/vision/members", given)

    assert (page.status_code, answer.status_code) == (422, 403)
    assert "invitation" in answer.json()["errors"][0]["hint"]
    assert not Membership.objects.filter(user=mallory, workspace__slug="vision").exists()


def test_administrators_of_the_studio_are_shown_among_the_members(sign_in, superuser, bob):
    page = sign_in(bob).get(MEMBERS).content.decode()
    assert ">root<" in page
    assert "administrator of the studio" in page


def test_unknown_username_is_an_error_of_its_field(sign_in, superuser, workspace):
    page = sign_in(superuser).post(MEMBERS, {"username": "nobody", "role": "viewer"})
    assert page.status_code == 422
    assert "Nobody is called" in page.content.decode()


def test_a_contributor_cannot_change_roles(sign_in, bob, carol):
    assert sign_in(bob).post(f"{MEMBERS}carol/", {"role": "admin"}).status_code == 403
    assert role_of(carol) == "viewer"


def test_an_admin_changes_a_role(sign_in, alice, carol):
    sign_in(alice).post(f"{MEMBERS}carol/", {"role": "contributor"})
    assert role_of(carol) == "contributor"


def test_last_admin_cannot_be_removed(sign_in, alice):
    sign_in(alice).post(f"{MEMBERS}alice/remove/")
    sign_in(alice).post(f"{MEMBERS}alice/", {"role": "viewer"})
    assert role_of(alice) == "admin"


def test_removed_member_loses_access(sign_in, alice, carol):
    browser = sign_in(carol)
    assert browser.get(MEMBERS).status_code == 200
    sign_in(alice).post(f"{MEMBERS}carol/remove/")
    assert browser.get(MEMBERS).status_code == 404


def test_member_removal_asks_for_confirmation(sign_in, alice, bob, carol):
    page = sign_in(alice).get(f"{MEMBERS}carol/remove/").content.decode()
    assert "Remove carol from Vision?" in page
    assert role_of(carol) == "viewer"
    assert sign_in(bob).get(f"{MEMBERS}carol/remove/").status_code == 403


def test_creator_of_a_workspace_is_its_admin(sign_in, mallory, settings):
    settings.SLIPWAY = settings.SLIPWAY | {"WORKSPACES_BY": "everybody"}
    sign_in(mallory).post("/workspaces/new/", {"name": "Speech", "slug": "speech"})
    assert Workspace.objects.get(slug="speech").role_of(mallory) == "admin"


@pytest.mark.parametrize(("name", "slug"), [("Team Größe_2", "team-groe-2"), ("-- x --", "x"), ("a" * 80, "a" * 63)])
def test_workspace_address_defaults_to_its_name(sign_in, superuser, name, slug):
    sign_in(superuser).post("/workspaces/new/", {"name": name, "slug": ""})
    assert Workspace.objects.get(name=name).slug == slug


def test_workspace_name_without_ascii_letters_requires_an_address(sign_in, superuser):
    page = sign_in(superuser).post("/workspaces/new/", {"name": "雲", "slug": ""})
    assert page.status_code == 422
    assert "write one, such as team-a" in page.content.decode()
    assert not Workspace.objects.filter(name="雲").exists()


def test_a_taken_workspace_name_is_refused(sign_in, mallory, workspace, settings):
    settings.SLIPWAY = settings.SLIPWAY | {"WORKSPACES_BY": "everybody"}
    page = sign_in(mallory).post("/workspaces/new/", {"name": "Vision", "slug": "vision"})
    assert page.status_code == 422
    assert workspace.role_of(mallory) is None


@pytest.mark.parametrize("slug", ["vision", "free"])
def test_only_administrators_of_the_studio_create_workspaces(sign_in, mallory, workspace, slug):
    """So that nobody finds out which names are taken."""
    browser = sign_in(mallory)

    page = browser.post("/workspaces/new/", {"name": "N", "slug": slug})
    answer = browser.post("/api/v1/workspaces", {"name": "N", "slug": slug}, content_type="application/json")

    assert (page.status_code, answer.status_code) == (403, 403)
    assert "New workspace" not in browser.get("/w/elsewhere/").content.decode()
    assert Workspace.objects.count() == 2


def test_an_administrator_of_the_studio_creates_workspaces(sign_in, superuser, workspace):
    browser = sign_in(superuser)
    assert "New workspace" in browser.get("/w/vision/").content.decode()
    assert browser.post("/workspaces/new/", {"name": "Speech", "slug": "speech"}).status_code == 302


def test_rest_manages_members_too(api, superuser, workspace, alice, mallory):
    client = api(superuser, workspace)
    assert (
        client.post("/api/v1/workspaces/vision/members", {"username": "mallory", "role": "viewer"}).status_code == 201
    )
    assert (
        client.patch("/api/v1/workspaces/vision/members/mallory", {"role": "contributor"}).data["role"] == "contributor"
    )
    assert client.delete("/api/v1/workspaces/vision/members/mallory").status_code == 204
    assert [row["username"] for row in client.get("/api/v1/workspaces/vision/members").data["results"]] == ["alice"]


def test_an_admin_renames_the_workspace_whose_address_stays(sign_in, api, alice, workspace):
    page = sign_in(alice).post("/w/vision/settings/", {"name": " Vision <team> "}, follow=True).content.decode()
    assert 'value="Vision &lt;team&gt;"' in page
    answer = api(alice).patch("/api/v1/workspaces/vision", {"name": "Sight"})
    assert {key: answer.json()[key] for key in ("slug", "name", "role")} == {
        "slug": "vision",
        "name": "Sight",
        "role": "admin",
    }
    renamed = Event.objects.filter(action="workspace.renamed").order_by("id").values_list("details", flat=True)
    assert [(each["before"], each["after"]) for each in renamed] == [
        (workspace.name, "Vision <team>"),
        ("Vision <team>", "Sight"),
    ]


def test_an_empty_name_is_an_error_of_its_field(sign_in, api, alice, workspace):
    page, answer = (
        sign_in(alice).post("/w/vision/settings/", {"name": " "}),
        api(alice).patch("/api/v1/workspaces/vision", {"name": " "}),
    )
    assert (page.status_code, answer.status_code) == (422, 400)
    assert Workspace.objects.get(slug="vision").name == workspace.name


def test_a_contributor_reads_the_name_and_has_no_form_for_it(sign_in, bob, workspace):
    page = sign_in(bob).get("/w/vision/settings/").content.decode()
    assert workspace.name in page
    assert 'name="name"' not in page
