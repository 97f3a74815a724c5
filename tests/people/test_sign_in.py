"""Sign in, sign out, and lockout after too many wrong passwords."""

import pytest
from axes.models import AccessAttempt
from django.test import Client

from studio.people.tokens import create_token

TRIES = 3


@pytest.fixture
def guarded(settings):
    settings.AXES_ENABLED = True
    settings.AXES_FAILURE_LIMIT = TRIES


def guess(client, password="wrong", username="bob"):
    return client.post("/sign-in/", {"username": username, "password": password})


def test_signing_in_leads_to_the_page_that_was_asked_for(client, bob):
    asked = client.get("/w/vision/activity/")
    answer = client.post(asked.headers["location"], {"username": "bob", "password": "a-long-password"})

    assert answer.headers["location"] == "/w/vision/activity/"


def test_a_link_to_another_site_is_not_followed_after_signing_in(client, bob):
    answer = client.post("/sign-in/?next=https://evil.example/", {"username": "bob", "password": "a-long-password"})

    assert answer.headers["location"] == "/"


def test_wrong_password_keeps_the_username_and_reveals_nothing(client, bob):
    wrong, unknown = guess(client), guess(client, username="nobody")

    assert wrong.status_code == unknown.status_code == 200
    assert b'value="bob"' in wrong.content
    assert wrong.context["form"].non_field_errors() == unknown.context["form"].non_field_errors()


def test_too_many_wrong_passwords_lock_out_the_right_one_too(client, bob, guarded):
    for _ in range(TRIES):
        guess(client)
    answer = guess(client, password="a-long-password")

    assert answer.status_code == 429
    assert "locked" in answer.content.decode()
    assert int(answer.headers["Retry-After"]) == 900


def test_an_address_that_tries_many_names_is_locked(client, bob, guarded, settings):
    settings.SLIPWAY = settings.SLIPWAY | {"SIGN_IN_TRIES_OF_ADDRESS": 5}
    answers = [guess(client, username=f"name-{number}").status_code for number in range(5)]

    assert answers == [200, 200, 200, 200, 429]
    assert guess(client, password="a-long-password").status_code == 429
    assert guess(Client(REMOTE_ADDR="192.0.2.7"), password="a-long-password").status_code == 302


def test_wrong_old_passwords_count_as_failed_sign_ins(sign_in, bob, guarded):
    browser = sign_in(bob)
    fields = {"old_password": "guess", "new_password1": "n3w-and-l0ng!", "new_password2": "n3w-and-l0ng!"}
    answers = [browser.post("/account/", fields).status_code for _ in range(TRIES)]
    right = browser.post("/account/", fields | {"old_password": "a-long-password"})

    assert answers == [422, 422, 429]
    assert right.status_code == 429
    bob.refresh_from_db()
    assert bob.check_password("a-long-password")
    kept = " ".join(str(row) for row in AccessAttempt.objects.values())
    assert not any(secret in kept for secret in ("guess", "n3w-and-l0ng!")), "passwords are not kept"


def test_lockout_does_not_affect_other_users(client, bob, carol, guarded):
    for _ in range(TRIES):
        guess(client)

    assert guess(Client(), password="a-long-password", username="carol").status_code == 302


def test_lockout_over_rest_has_the_error_format_of_the_api(client, bob, guarded):
    facts = {"username": "bob", "password": "wrong"}
    for _ in range(TRIES + 1):
        answer = client.post("/api/v1/sign-in", facts, content_type="application/json")

    assert answer.status_code == 429
    assert answer.json()["errors"][0]["code"] == "locked_out"
    assert "15 minutes" in answer.json()["errors"][0]["hint"]


def test_sign_out_requires_post(sign_in, bob):
    browser = sign_in(bob)

    assert browser.get("/sign-out/").status_code == 405
    assert browser.post("/sign-out/").status_code == 302
    assert browser.get("/account/").status_code == 302


def test_changing_the_password_ends_other_sessions_and_names_live_tokens(sign_in, bob, workspace):
    here, elsewhere = sign_in(bob), sign_in(bob)
    fields = {"old_password": "a-long-password", "new_password1": "n3w-and-l0ng!", "new_password2": "n3w-and-l0ng!"}

    create_token(bob, workspace, name="still-live")

    assert "One API token of yours still works" in here.post("/account/", fields, follow=True).content.decode()
    assert "still-live" in here.get("/account/").content.decode()
    assert elsewhere.get("/account/").status_code == 302
