"""`slipway service`: update, rollback, revisions."""

import json

import pytest

CAUSE = {
    "code": "init_failed",
    "message": "init() raised KeyError.",
    "hint": "Correct the script.",
    "evidence": "line 3",
}
FAILED = {"state": "Healthy", "update": {"revision": 2, "state": "Failed", "error": CAUSE}}
UNDER_WAY = {"state": "Healthy", "update": {"revision": 2, "state": "Transitioning", "error": None}}
SETTLED = {"state": "Healthy", "update": None}


@pytest.fixture
def studio_with_options(deployed):
    options = {"cpu": 2.0, "auth": True, "server": {"access_log": True, "queue_requests": 5}}
    deployed.services["iris"] |= {"config": "own:3", "deployment_config": options}
    return deployed


def asked(studio):
    return studio.services["iris"]["asked"]


def test_an_update_keeps_what_it_does_not_name(slipway, studio_with_options):
    answer = slipway("service", "update", "iris", "-m", "iris:2", "--cpu", "1", "--reason", "better")
    assert answer.code == 0
    sent = asked(studio_with_options)
    assert (sent["models"], sent["config"], sent["overwrite"], sent["reason"]) == (["iris:2"], "own:3", True, "better")
    options = {"cpu": 1.0, "auth": True, "server": {"access_log": True, "queue_requests": 5}}
    assert sent["deployment_config"] == options
    slipway("service", "update", "iris", "--config", "own:4")
    assert (asked(studio_with_options)["models"], asked(studio_with_options)["config"]) == (["iris:2"], "own:4")


def test_revision_that_starts_beside_the_others_is_named_by_the_answer(slipway, studio_with_options):
    answer = slipway("service", "update", "iris", "-m", "iris:2", "--traffic", "0")
    assert (answer.code, answer.err) == (0, "Starting revision 2 of iris beside the others.\n")


def test_tokens_take_the_place_of_keys(slipway, studio_with_options):
    assert slipway("service", "update", "iris", "--token-auth").code == 0
    assert asked(studio_with_options)["deployment_config"]["token_auth"] is True
    assert "auth" not in asked(studio_with_options)["deployment_config"]


def test_a_deployment_config_file_takes_the_place_of_all_options(slipway, studio_with_options, tmp_path):
    (tmp_path / "deploymentconfig.json").write_text('{"computeType": "LOCAL"}')
    slipway("service", "update", "iris", "--dc", tmp_path / "deploymentconfig.json")
    assert asked(studio_with_options)["deployment_config"] == {"computeType": "LOCAL"}


def test_update_of_missing_service_ends_with_4(slipway, registered):
    assert slipway("service", "update", "rose", "-m", "iris:1").code == 4
    assert "rose" not in registered.services


def test_the_end_of_an_update_is_waited_for(slipway, deployed):
    deployed.states["iris"] = ["Healthy", UNDER_WAY, UNDER_WAY, SETTLED]
    answer = slipway("service", "update", "iris", "-m", "iris:2", "--wait", "--json")
    assert (answer.code, json.loads(answer.out)["update"]) == (0, None)
    assert deployed.states["iris"] == []


@pytest.mark.parametrize("command", ["update iris -m iris:2", "deploy -n iris -m iris:2 --overwrite", "rollback iris"])
def test_an_update_that_fails_ends_with_1_and_its_cause_although_the_old_revision_answers(slipway, deployed, command):
    deployed.states["iris"] = ([] if "update" not in command else ["Healthy"]) + [UNDER_WAY, FAILED]
    answer = slipway("service", *command.split(), "--wait", "--json")
    assert answer.code == 1
    error = json.loads(answer.out)["error"]
    assert (error["code"], error["hint"], error["evidence"]) == ("init_failed", "Correct the script.", "line 3")
    assert "update of iris to revision 2 failed" in error["message"]


def test_show_reports_failed_update(slipway, deployed):
    deployed.services["iris"] |= FAILED
    shown = slipway("service", "show", "iris").out
    assert "to revision 2 has failed" in shown
    assert "init() raised KeyError." in shown


@pytest.mark.parametrize(("options", "revision"), [([], 2), (["--to", "1"], 1)])
def test_a_rollback_is_waited_for(slipway, deployed, options, revision):
    deployed.services["iris"]["revision"] = 3
    deployed.states["iris"] = ["Transitioning", UNDER_WAY, SETTLED]
    answer = slipway("service", "rollback", "iris", *options, "--wait")
    assert (answer.code, answer.out) == (0, f"iris answers with revision {revision}.\n")
    assert deployed.states["iris"] == []


def test_revisions_are_listed(slipway, deployed):
    row = {"config": "own:1", "created_by": "bob", "created_at": "2026-11-21T04:00:00Z", "reason": ""}
    deployed.revisions = [
        {"number": 2, "models": ["iris:2"], "state": "Healthy", "share": 100, "can_roll_back": False} | row,
        {"number": 1, "models": ["iris:1"], "state": "Stopped", "share": 0, "can_roll_back": True} | row,
    ]
    lines = slipway("service", "revisions", "iris").out.splitlines()
    assert [line.split("\t")[:5] for line in lines[1:]] == [
        ["2", "iris:2", "Healthy", "100 %", "no"],
        ["1", "iris:1", "Stopped", "0 %", "yes"],
    ]
    assert json.loads(slipway("service", "revisions", "iris", "--json").out) == deployed.revisions
