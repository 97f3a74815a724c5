"""Signing in, and choosing a workspace."""

import json

import httpx

from slipway import profiles
from tests.slipway.conftest import URL
from tests.slipway.fake import TOKEN


def test_a_token_signs_in(slipway, studio):
    answer = slipway("login", URL, "--token", TOKEN)
    assert answer.code == 0
    assert answer.out == f"Signed in to {URL} as alice, workspace vision.\n"
    assert profiles.current() == profiles.Login(URL, TOKEN, "vision")


def test_a_password_from_standard_input_signs_in_and_is_not_printed(slipway, studio):
    answer = slipway("login", URL, "-u", "alice", "--password-stdin", "--json", stdin=b"correct\n")
    assert answer.code == 0
    assert json.loads(answer.out) == {
        "url": URL,
        "workspace": "vision",
        "expires_at": "2027-01-01",
        "username": "alice",
    }
    assert profiles.current().token == TOKEN


def test_a_wrong_password_or_token_ends_with_3(slipway, studio):
    assert slipway("login", URL, "-u", "alice", "--password-stdin", stdin=b"wrong").code == 3
    answer = slipway("login", URL, "--token", "slw_wrong")
    assert (answer.code, answer.err) == (3, "Error: This token is not known here.\n")
    assert not profiles.config_file().exists()


def test_login_without_terminal_asks_nothing(slipway, studio):
    answer = slipway("login", URL)
    assert answer.code == 2
    assert "--password-stdin" in answer.err


def test_workspaces_are_listed_and_the_used_one_is_marked(slipway, signed_in):
    answer = slipway("workspace", "list", "--json")
    assert [(row["slug"], row["current"]) for row in json.loads(answer.out)] == [("vision", True)]


def test_workspaces_whose_token_has_expired_are_left_out(slipway, signed_in):
    profiles.remember(profiles.Login(URL, "slw_expired", "text"))
    profiles.use_workspace("vision")
    assert slipway("workspace", "list").out.splitlines()[1:] == ["*\tvision\tVision\t"]


def test_a_token_is_not_remembered_for_a_workspace_it_is_not_valid_in(slipway, studio):
    assert slipway("login", URL, "--token", TOKEN, "-w", "text").code == 2
    assert not profiles.config_file().exists()


def test_another_workspace_needs_a_token_of_its_own(slipway, signed_in):
    answer = slipway("workspace", "use", "text")
    assert answer.code == 3
    assert "slipway login http://studio.test --workspace text" in answer.err
    profiles.remember(profiles.Login(URL, "slw_text", "text"))
    profiles.use_workspace("vision")
    assert slipway("workspace", "use", "text").code == 0
    assert profiles.current().workspace == "text"


def test_logout_revokes_a_token_that_a_password_made_and_forgets_it(slipway, studio):
    slipway("login", URL, "-u", "alice", "--password-stdin", stdin=b"correct\n")
    assert slipway("logout").out == f"Signed out of {URL}.\n"
    assert studio.signed_out == [f"Bearer {TOKEN}"]
    assert slipway("service", "list").code == 3


def test_logout_forgets_a_token_made_elsewhere_without_revoking_it(slipway, studio):
    slipway("login", URL, "--token", TOKEN)
    assert slipway("logout", URL).code == 0
    assert studio.signed_out == []
    assert profiles.read() == profiles.Profiles()


def test_logout_forgets_the_token_when_the_studio_is_unreachable(slipway, studio):
    slipway("login", URL, "-u", "alice", "--password-stdin", stdin=b"correct\n")
    studio.faults = [("POST", "sign-out", httpx.ConnectError("refused"))]
    answer = slipway("logout")
    assert (answer.code, "was not revoked" in answer.err) == (0, True)
    assert profiles.read() == profiles.Profiles()


def test_logout_can_leave_tokens_valid(slipway, studio):
    slipway("login", URL, "-u", "alice", "--password-stdin", stdin=b"correct\n")
    assert slipway("logout", "--keep-valid").code == 0
    assert (studio.signed_out, profiles.read()) == ([], profiles.Profiles())


def test_logout_of_an_unknown_studio_ends_with_3(slipway, signed_in):
    assert slipway("logout", "http://other.test").code == 3
    assert profiles.current().url == URL
