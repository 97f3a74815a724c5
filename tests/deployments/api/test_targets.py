"""Targets over REST."""

import pytest

from studio.core.job_runner import run_job

pytestmark = pytest.mark.django_db
HERE = "/api/v1/workspaces/vision/"
CLUSTER = {"name": "cluster", "kind": "docker-like", "settings": {"network": "prod", "token": "s3cret"}}


@pytest.fixture
def cluster(api, alice, containers):
    return api(alice).post(f"{HERE}targets", CLUSTER).json()


def test_added_target_shows_settings_but_no_secret(cluster):
    assert (cluster["name"], cluster["kind"], cluster["kind_title"]) == ("cluster", "docker-like", "Containers")
    assert cluster["settings"]["network"] == "prod"
    assert cluster["settings"]["token"] == {"set": True}
    assert "s3cret" not in str(cluster)
    assert cluster["last_check"]["state"] == "queued"


def test_list_holds_this_machine_and_the_added_targets(cluster, api, carol):
    rows = api(carol).get(f"{HERE}targets").json()["results"]
    assert [(row["name"], row["services"]) for row in rows] == [("cluster", 0), ("local", 0)]


def test_kinds_are_listed_with_their_settings(containers, api, carol):
    kinds = {kind["kind"]: kind for kind in api(carol).get(f"{HERE}target-kinds").json()}
    assert [setting["name"] for setting in kinds["docker-like"]["settings"]] == [
        "engine",
        "network",
        "registry",
        "token",
    ]
    assert kinds["docker-like"]["settings"][3]["secret"] is True
    assert kinds["local"]["settings"] == []


def test_check_is_a_job_whose_end_is_the_target_s_last_check(cluster, api, bob):
    run_job("target_check", cluster["last_check"]["id"])
    begun = api(bob).post(f"{HERE}targets/cluster/check")
    assert (begun.status_code, begun.json()["state"]) == (202, "queued")
    run_job("target_check", begun.json()["id"])
    check = api(bob).get(f"{HERE}targets/cluster").json()["last_check"]
    assert (check["id"], check["state"], check["problems"]) == (begun.json()["id"], "succeeded", [])


def test_changed_setting_leaves_the_others(cluster, api, alice):
    answer = api(alice).patch(f"{HERE}targets/cluster", {"settings": {"network": "test"}})
    settings = answer.json()["settings"]
    assert (answer.status_code, settings["network"], settings["token"]) == (200, "test", {"set": True})


def test_only_administrators_of_the_workspace_add_change_and_remove(cluster, api, bob):
    calls = [
        api(bob).post(f"{HERE}targets", CLUSTER | {"name": "other"}),
        api(bob).patch(f"{HERE}targets/cluster", {"settings": {}}),
        api(bob).delete(f"{HERE}targets/cluster"),
    ]
    assert [call.status_code for call in calls] == [403, 403, 403]


def test_removed_target_is_gone(cluster, api, alice):
    assert api(alice).delete(f"{HERE}targets/cluster").status_code == 204
    assert api(alice).get(f"{HERE}targets/cluster").status_code == 404
    assert api(alice).delete(f"{HERE}targets/local").status_code == 409
