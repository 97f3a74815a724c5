"""Invitations: one person for each link, unasked nobody, and nobody learns who has an account."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from studio.accounts.models import Invitation, Membership, Role, User
from studio.people.invitations import create_invitation

pytestmark = pytest.mark.django_db
NEW = "/w/vision/settings/invitations/"
REST = "/api/v1/workspaces/vision/invitations"
PASSWORD = "corr3ct-horse-battery"


@pytest.fixture
def invite(workspace, alice):
    """`invite(actor, role=…)` gives the path of a link."""

    def make(actor=alice, role=Role.CONTRIBUTOR):
        _, secret = create_invitation(workspace, role=role, note="Dana", actor=actor)
        return f"/invitations/{secret}/"

    return make


def role_of(person, workspace):
    return Membership.objects.filter(user=person, workspace=workspace).values_list("role", flat=True).first()


def test_the_link_is_shown_once_and_not_stored(sign_in, alice):
    browser = sign_in(alice)
    page = browser.post(NEW, {"role": "viewer", "note": "Dana"}).content.decode()
    link = page.split('id="invitation-link">')[1].split("<")[0]

    later = browser.get("/w/vision/settings/members/").content.decode()
    assert link.startswith("http://testserver/invitations/")
    assert link not in later
    assert "Dana" in later
    assert link.split("/")[-2] not in {str(value) for value in Invitation.objects.values().get().values()}


def test_somebody_with_an_account_is_a_member_once_they_accept(sign_in, mallory, workspace, invite):
    browser, link = sign_in(mallory), invite()

    page = browser.get(link).content.decode()
    assert "Vision" in page
    assert role_of(mallory, workspace) is None, "asked, not yet accepted"

    assert browser.post(link).headers["location"] == "/w/vision/"
    assert role_of(mallory, workspace) == "contributor"


def test_a_link_lets_one_person_in(sign_in, mallory, workspace, invite):
    link = invite()
    sign_in(mallory).post(link)
    other = User.objects.create_user("other")

    assert sign_in(other).post(link).status_code == 404
    assert role_of(other, workspace) is None


def test_a_member_keeps_their_role_and_leaves_the_invitation_to_others(sign_in, carol, mallory, workspace, invite):
    link = invite(role=Role.ADMIN)

    assert sign_in(carol).post(link).status_code == 409
    assert role_of(carol, workspace) == "viewer"
    assert sign_in(mallory).post(link).status_code == 302


@pytest.mark.parametrize("why", ["expired", "withdrawn", "inviter is no admin", "inviter has left"])
def test_a_link_that_is_not_open_any_more_leads_nowhere(sign_in, alice, mallory, workspace, invite, why):
    link = invite()
    if why == "expired":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif why == "withdrawn":
        sign_in(alice).post(f"{NEW}{Invitation.objects.get().pk}/withdraw/")
    elif why == "inviter is no admin":
        Membership.objects.filter(user=alice).update(role=Role.CONTRIBUTOR)
    else:
        User.objects.filter(pk=alice.pk).update(is_active=False)

    assert sign_in(mallory).post(link).status_code == 404
    assert role_of(mallory, workspace) is None


def test_a_person_without_an_account_makes_one_where_an_administrator_of_the_studio_invites(
    superuser, workspace, invite
):
    browser, link = Client(), invite(superuser)
    assert "Create account and join" in browser.get(link).content.decode()

    answer = browser.post(link, {"username": "dana", "password": PASSWORD})

    dana = User.objects.get(username="dana")
    assert answer.headers["location"] == "/w/vision/"
    assert (role_of(dana, workspace), dana.is_superuser, dana.is_staff) == ("contributor", False, False)
    assert browser.get("/w/vision/").status_code == 200, "signed in"


def test_an_admin_of_a_workspace_makes_no_accounts(invite):
    link = invite()
    page = Client().get(link).content.decode()
    answer = Client().post(link, {"username": "dana", "password": PASSWORD})

    assert "Create account" not in page
    assert f"/sign-in/?next={link}" in page
    assert answer.status_code == 422
    assert not User.objects.filter(username="dana").exists()


@pytest.mark.parametrize(
    ("username", "password"), [("dana", "short"), ("dana", "password12"), ("a b", PASSWORD), ("bob", PASSWORD)]
)
def test_an_account_that_cannot_be_leaves_the_invitation_open(bob, superuser, invite, username, password):
    answer = Client().post(invite(superuser), {"username": username, "password": password})

    assert answer.status_code == 422
    assert 'class="errorlist"' in answer.content.decode()
    assert Invitation.objects.count() == 1
    assert User.objects.filter(username=username).count() == (username == "bob")


def test_programs_of_admins_create_list_and_withdraw_invitations(api, alice, bob):
    made = api(alice).post(REST, {"role": "viewer", "note": "nightly"})
    assert (made.status_code, made.data["role"]) == (201, "viewer")
    assert made.data["link"].startswith("http://testserver/invitations/")
    listed = api(alice).get(REST).json()["results"]
    assert [(row["note"], row["invited_by"], "link" in row) for row in listed] == [("nightly", "alice", False)]
    assert api(bob).get(REST).status_code == 403
    assert api(alice).delete(f"{REST}/{made.data['id']}").status_code == 204
    assert api(alice).get(REST).json()["results"] == []
