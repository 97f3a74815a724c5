"""A profile whose worker is killed in the middle is finished by the next one, from what was measured."""

import psutil
import pytest

from tests.stack import wait_for

pytestmark = pytest.mark.stack
LEASE_SECONDS = 60  # a job whose worker was killed is taken over after its lease of 30 s


def measured(rest, profile):
    """Lines of the table of measurements."""
    return rest.send("GET", f"profiles/{profile}/points").text.splitlines()[1:]


def servers_of_runs(studio):
    """Processes that an isolated run has started: their run folder has a number beyond all services."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(f"{studio.data}/services/10000000" in word for word in process.info["cmdline"] or [])
    ]


def test_profile_of_a_killed_worker_goes_on_from_what_was_measured(studio, rest, iris, assert_recorded_once):
    asked = {"model": iris, "latency_ms": 500, "rate": 20, "seconds": 60, "cpu": 1, "name": "killed"}
    number = rest.post("profiles", asked, 202)["id"]
    before = wait_for(lambda: measured(rest, number)[:1], 60, "the first measurement")
    studio.kill("long")
    assert rest.get(f"profiles/{number}")["state"] == "running"

    found = wait_for(
        lambda: (found := rest.get("profiles/killed"))["state"] not in ("queued", "running") and found,
        LEASE_SECONDS + 120,
        "the end of the profile",
    )

    assert (found["state"], found["error"]) == ("succeeded", None)
    assert found["result"]["verdict"] == "met"
    assert measured(rest, number)[:1] == before
    wait_for(lambda: servers_of_runs(studio) == [], 90, "no process of a run")
    assert [path.name for path in (studio.data / "services").glob("10000000*")] == []
    assert_recorded_once("profile", f"profile of {iris}", "created", "completed")
