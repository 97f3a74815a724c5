"""Tokens: shown once, hashed, expiring, bound to a workspace and to reading or writing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from studio.accounts.models import ApiToken
from studio.activity.models import Event
from studio.core.errors import BadInput, Forbidden
from studio.people.tokens import create_token

pytestmark = pytest.mark.django_db
TOKENS = "/api/v1/workspaces/vision/tokens"


def bearer(secret):
    return {"HTTP_AUTHORIZATION": f"Bearer {secret}"}


def test_the_secret_is_never_stored(bob, workspace):
    token, secret = create_token(bob, workspace, name="nightly")
    assert secret.startswith("slw_")
    assert secret not in {str(value) for value in ApiToken.objects.filter(pk=token.pk).values().get().values()}


def test_a_token_signs_its_owner_in(client, bob, workspace):
    _, secret = create_token(bob, workspace, name="nightly")
    assert client.get("/api/v1/me", **bearer(secret)).json()["username"] == "bob"


def test_an_expired_token_is_refused_and_says_so(client, bob, workspace):
    token, secret = create_token(bob, workspace, name="nightly")
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = client.get("/api/v1/me", **bearer(secret))
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "token_expired"


def test_a_revoked_token_is_refused(client, bob, workspace, sign_in):
    token, secret = create_token(bob, workspace, name="nightly")
    sign_in(bob).post(f"/w/vision/settings/tokens/{token.pk}/revoke/")
    assert client.get("/api/v1/me", **bearer(secret)).status_code == 401


def test_token_of_a_removed_member_is_rejected(client, bob, workspace):
    _, secret = create_token(bob, workspace, name="nightly")
    bob.is_active = False
    bob.save()
    assert client.get("/api/v1/me", **bearer(secret)).status_code == 401


def test_read_only_token_cannot_write(api, bob):
    answer = api(bob, access="read").post("/api/v1/workspaces/vision/tokens", {"name": "more"})
    assert answer.status_code == 403


def test_token_is_bound_to_its_workspace(api, bob, elsewhere):
    elsewhere.memberships.create(user=bob, role="contributor")
    assert api(bob, workspace=elsewhere).get("/api/v1/workspaces/vision/events").status_code == 404


def test_viewer_cannot_create_a_token_that_writes(carol, workspace):
    with pytest.raises(Forbidden):
        create_token(carol, workspace, name="x", access="write")


@pytest.mark.parametrize("days", [0, -1, 366])
def test_invalid_lifetime_is_rejected(bob, workspace, days):
    with pytest.raises(BadInput):
        create_token(bob, workspace, name="x", days=days)


def test_what_is_made_with_a_token_ends_no_later_than_it(client, bob, workspace):
    parent, secret = create_token(bob, workspace, name="day", access="write", days=1)

    made = client.post(TOKENS, {"name": "more"}, content_type="application/json", **bearer(secret))

    child = ApiToken.objects.get(pk=made.json()["id"])
    assert (child.made_with, child.expires_at) == (parent, parent.expires_at)


def test_a_token_makes_none_that_never_expires(client, bob, workspace):
    _, secret = create_token(bob, workspace, name="forever", access="write", days=None)
    never = client.post(TOKENS, {"name": "x", "days": None}, content_type="application/json", **bearer(secret))
    assert (never.status_code, never.json()["errors"][0]["attr"]) == (400, "days")


def test_revoking_a_token_revokes_all_that_was_made_with_it(client, bob, workspace, sign_in):
    parent, secret = create_token(bob, workspace, name="first", access="write")
    others, _ = create_token(bob, workspace, name="other")
    for name in ("second", "third"):
        given = {"name": name, "access": "write"}
        secret = client.post(TOKENS, given, content_type="application/json", **bearer(secret)).json()["token"]

    sign_in(bob).post(f"/w/vision/settings/tokens/{parent.pk}/revoke/")

    assert client.get("/api/v1/me", **bearer(secret)).json()["errors"][0]["code"] == "token_revoked"
    assert list(ApiToken.objects.live()) == [others]
    assert Event.objects.filter(action="token.revoked").count() == 3


def test_the_account_page_revokes_all_tokens_of_the_person_and_no_others(sign_in, bob, carol, workspace, elsewhere):
    elsewhere.memberships.create(user=bob, role="contributor")
    create_token(bob, workspace, name="here")
    create_token(bob, elsewhere, name="there")
    kept, _ = create_token(carol, workspace, name="carols")

    assert "Revoke all your tokens" in sign_in(bob).get("/account/revoke-tokens/").content.decode()
    assert ApiToken.objects.live().count() == 3
    page = sign_in(bob).post("/account/revoke-tokens/", follow=True).content.decode()

    assert "2 tokens revoked" in page
    assert list(ApiToken.objects.live()) == [kept]


def test_the_page_shows_a_new_secret_once(sign_in, bob):
    browser = sign_in(bob)
    page = browser.post("/w/vision/settings/tokens/", {"name": "ci", "access": "write", "days": "30"})
    assert "slw_" in page.content.decode().split('id="secret">')[1][:10]
    assert 'id="secret"' not in browser.get("/w/vision/settings/tokens/").content.decode()


def test_token_revocation_asks_for_confirmation(sign_in, bob, carol, workspace):
    token, _ = create_token(bob, workspace, name="nightly build")
    address = f"/w/vision/settings/tokens/{token.pk}/revoke/"
    assert "Revoke the token nightly build?" in sign_in(bob).get(address).content.decode()
    assert ApiToken.objects.live().filter(pk=token.pk).exists()
    assert sign_in(carol).get(address).status_code == 404


def test_tokens_of_other_users_are_neither_listed_nor_revoked(sign_in, bob, carol, workspace):
    token, _ = create_token(bob, workspace, name="bobs-own")
    assert "bobs-own" not in sign_in(carol).get("/w/vision/settings/tokens/").content.decode()
    assert sign_in(carol).post(f"/w/vision/settings/tokens/{token.pk}/revoke/").status_code == 404


def test_read_only_token_of_an_admin_lists_only_their_own_tokens(api, alice, bob, workspace):
    create_token(bob, workspace, name="bobs-own")

    def listed(access):
        answer = api(alice, access=access).get("/api/v1/workspaces/vision/tokens")
        return {token["user"] for token in answer.json()["results"]}

    assert listed("write") == {"alice", "bob"}
    assert listed("read") == {"alice"}


def test_creating_and_revoking_are_recorded(sign_in, bob, workspace):
    token, _ = create_token(bob, workspace, name="ci")
    sign_in(bob).post(f"/w/vision/settings/tokens/{token.pk}/revoke/")
    assert list(Event.objects.values_list("action", flat=True)) == ["token.revoked", "token.created"]


def test_programs_sign_in_with_a_password(client, bob):
    answer = client.post(
        "/api/v1/sign-in", {"username": "bob", "password": "a-long-password"}, content_type="application/json"
    )
    assert answer.status_code == 201
    assert client.get("/api/v1/me", **bearer(answer.json()["token"])).json()["workspaces"][0]["role"] == "contributor"


def test_a_wrong_password_is_refused(client, bob):
    answer = client.post("/api/v1/sign-in", {"username": "bob", "password": "guess"}, content_type="application/json")
    assert answer.status_code == 401


@pytest.mark.parametrize("access", ["read", "write"])
def test_signing_out_revokes_the_token_of_the_call(client, bob, workspace, access):
    _, secret = create_token(bob, workspace, name="command line", access=access)
    _, other = create_token(bob, workspace, name="nightly")
    assert client.post("/api/v1/sign-out", content_type="application/json", **bearer(secret)).status_code == 204
    assert client.get("/api/v1/me", **bearer(secret)).status_code == 401
    assert client.get("/api/v1/me", **bearer(other)).status_code == 200


def test_signing_out_by_rest_needs_a_token(sign_in, bob):
    assert sign_in(bob).post("/api/v1/sign-out", content_type="application/json").status_code == 400
