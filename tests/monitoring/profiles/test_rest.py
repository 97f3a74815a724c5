"""`/profiles` over REST, and its files."""

import csv
import io

import pytest

from tests.deployments.service_factories import deploy
from tests.monitoring.profiles.factories import make_ended_profile, make_profile
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db
BASE = "/api/v1/workspaces/vision/profiles"


@pytest.fixture
def iris(workspace):
    return make_version(workspace, "iris")


def test_profile_is_asked_for_read_and_cancelled(api, bob, iris):
    client = api(bob)
    made = client.post(BASE, {"model": "iris:1", "name": "first", "rate": 5}, format="json")
    assert (made.status_code, made.json()["state"], made.json()["goal"]) == (202, "queued", {"p99": 100.0, "rate": 5.0})
    assert client.get(BASE).json()["results"][0]["name"] == "first"
    assert client.get(f"{BASE}/first").json()["ahead"] == 0
    assert client.post(f"{BASE}/first/cancel").json()["state"] == "cancelled"
    assert client.post(f"{BASE}/first/again").status_code == 202


def test_wrong_field_is_named(api, bob, iris):
    answer = api(bob).post(BASE, {"model": "iris:1", "rps": 5}, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "rps")


def test_viewer_reads_and_changes_nothing(api, carol, bob, workspace, iris):
    profile = make_profile(workspace, bob, iris)
    assert api(carol).get(f"{BASE}/{profile.pk}").status_code == 200
    assert api(carol).post(f"{BASE}/{profile.pk}/cancel").status_code == 403
    assert api(carol).post(BASE, {"model": "iris:1"}, format="json").status_code == 403


def test_recommendation_is_applied_and_exported(api, bob, workspace, iris):
    service, profile = deploy(workspace, bob, iris), make_ended_profile(workspace, bob, iris)
    answer = api(bob).post(f"{BASE}/{profile.pk}/apply", {"service": service.name}, format="json")
    assert answer.json() == {"service": "iris", "revision": 2}
    assert api(bob).get(f"{BASE}/{profile.pk}/azure").json()["state"] == "Succeeded"
    rows = list(csv.DictReader(io.StringIO(api(bob).get(f"{BASE}/{profile.pk}/points").content.decode())))
    assert len(rows) == len(profile.points)
    assert {row["purpose"] for row in rows} >= {"service time", "verification", "sweep"}


def test_profile_without_a_result_recommends_nothing(api, bob, workspace, iris):
    deploy(workspace, bob, iris)
    profile = make_profile(workspace, bob, iris)
    answer = api(bob).post(f"{BASE}/{profile.pk}/apply", {}, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "nothing_recommended")


def test_charts_and_their_files_hold_the_same_numbers(sign_in, bob, workspace, iris):
    other, profile = make_ended_profile(workspace, bob, iris, run_ms=6.0), make_ended_profile(workspace, bob, iris)
    page = f"/w/vision/profiles/{profile.pk}"
    figures = sign_in(bob).get(f"{page}/data/?with={other.pk}").json()["figures"]
    names = [line["name"] for line in figures["latency"]["data"]]
    assert names == ["p50", "p95", "p99", f"p99 of profile {other.pk}"]
    text = sign_in(bob).get(f"{page}/csv/?chart=latency&with={other.pk}").content.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    drawn = [round(y, 2) for y in figures["latency"]["data"][2]["y"]]
    assert [round(float(row["ms"]), 2) for row in rows if row["line"] == "p99"] == drawn


def test_form_of_a_version_begins_with_what_its_newest_profile_recommends(sign_in, bob, workspace, iris):
    profile = make_ended_profile(workspace, bob, iris)
    form = sign_in(bob).get("/w/vision/deploy/?version=iris:1").context["form"]
    assert form["memory_gb"].value() == profile.result["options"]["memory_gb"]
    assert sign_in(bob).get("/w/vision/deploy/?profile=99").status_code == 404


def test_list_is_of_the_version_or_the_service_that_the_address_names(sign_in, bob, workspace, iris):
    profile, other = make_profile(workspace, bob, iris), make_profile(workspace, bob, make_version(workspace, "wine"))
    page = "/w/vision/profiles/"

    def listed(query):
        return [row["profile"] for row in sign_in(bob).get(page + query).context["profiles"]]

    assert listed("") == [other, profile]
    assert listed("?model=iris:1") == [profile]
    assert listed("?service=none") == []
    assert listed("?model=iris:latest") == [other, profile]
