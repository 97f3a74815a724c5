"""`slipway member`, `token`, `activity`, `upload`."""

import json

import pytest


def test_members_are_added_changed_and_removed(slipway, signed_in):
    assert slipway("member", "add", "bob", "--role", "contributor").out == "bob is a member now, as contributor.\n"
    assert slipway("member", "set-role", "bob", "--role", "admin").out == "bob is admin now.\n"
    assert slipway("member", "list").out.splitlines() == ["NAME\tROLE", "alice\tadmin", "bob\tadmin"]
    assert slipway("member", "remove", "bob").code == 2, "nobody was there to say yes"
    assert slipway("member", "remove", "bob", "--yes").out == "Removed bob.\n"
    assert signed_in.members == {"alice": "admin"}


def test_role_that_does_not_exist_ends_with_2(slipway, signed_in):
    assert slipway("member", "add", "bob", "--role", "owner").code == 2
    assert signed_in.requests == []


def test_created_token_stands_alone_on_standard_output(slipway, signed_in):
    answer = slipway("token", "create", "ci", "--access", "write", "--days", "30")
    assert answer.out == "slw_new_secret\n"
    assert "not shown again" in answer.err
    asked = {key: signed_in.tokens[1][key] for key in ("name", "access", "days")}
    assert asked == {"name": "ci", "access": "write", "days": 30}


def test_tokens_are_listed_and_revoked(slipway, signed_in):
    slipway("token", "create", "ci")
    assert slipway("token", "list").out.splitlines()[1] == "1\tci\tread\talice\tslw_new\t2027-02-19T04:00:00Z\t"
    assert slipway("token", "revoke", "1", "--yes").out == "Revoked token 1.\n"
    assert signed_in.tokens == {}


def test_invitation_is_a_link_alone_on_standard_output_until_it_is_withdrawn(slipway, signed_in):
    answer = slipway("member", "invite", "--role", "contributor", "--note", "Bob")
    assert answer.out == "http://studio.test/invitations/secret\n"
    row = "3\tcontributor\tBob\talice\t2026-11-28T04:00:00Z"
    assert slipway("member", "invitations").out.splitlines()[1] == row
    assert slipway("member", "withdraw", "3").code == 2, "nobody was there to say yes"
    assert slipway("member", "withdraw", "3", "--yes").out == "Withdrew invitation 3.\n"
    assert signed_in.invitations == {}


def test_workspace_is_renamed(slipway, signed_in):
    assert slipway("workspace", "rename", "Vision team").out == "The workspace vision is called Vision team now.\n"
    assert signed_in.requests == [("PATCH", "workspaces/vision")]


EVENT = {
    "at": "2026-11-21T04:00:00Z",
    "actor_name": "alice",
    "sentence": "alice deployed iris",
    "subject_label": "iris",
    "reason": "A new release",
}


def test_activity_is_listed(slipway, signed_in):
    signed_in.events = [EVENT, EVENT | {"sentence": "Slipway started iris", "reason": ""}]
    assert slipway("activity").out.splitlines() == [
        "WHEN\tWHAT\tWHY",
        "2026-11-21T04:00:00Z\talice deployed iris\tA new release",
        "2026-11-21T04:00:00Z\tSlipway started iris\t",
    ]


def test_activity_is_asked_for_by_object_person_and_action(slipway, signed_in):
    signed_in.events = [EVENT] * 3
    answer = slipway(
        *("activity", "--object", "iris", "--person", "alice", "--action", "service", "--limit", "2", "--json")
    )
    assert len(json.loads(answer.out)) == 2
    assert "--limit" in answer.err
    assert {key: signed_in.asked[key] for key in ("subject", "person", "action")} == {
        "subject": "iris",
        "person": "alice",
        "action": "service",
    }


@pytest.fixture
def half_sent(signed_in):
    upload = {"id": "u1", "path": "big.bin", "size": 500_000_000, "data": b"12345678", "complete": False}
    signed_in.uploads["u1"] = upload
    return signed_in


def test_uploads_are_listed_with_what_has_arrived(slipway, half_sent):
    assert slipway("upload", "list").out.splitlines()[1] == "u1\tbig.bin\t8/500000000\t2026-11-21T04:00:00Z"
    assert "0 of 500 MB" in slipway("upload", "list", "-o", "table").out


def test_upload_is_abandoned_after_a_question(slipway, half_sent):
    assert slipway("upload", "abandon", "u1").code == 2
    assert slipway("upload", "abandon", "u1", "--yes").out == "Gave up u1.\n"
    assert half_sent.uploads == {}
