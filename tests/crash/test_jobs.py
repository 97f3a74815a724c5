"""Inspections and builds while their workers are killed."""

import time
from contextlib import suppress

import psutil
import pytest

from tests.breaking import builders, half_made, incoming, inspectors, slow_to_inspect
from tests.rest import Rest
from tests.stack import wait_for

pytestmark = pytest.mark.stack
SCRIPT = b"import slow_demo\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    return slow_demo.ANSWER\n"
LEASE_SECONDS = 60  # a job whose worker was killed is taken over after its lease of 30 s, and done


def begin_a_build(rest: Rest, iris: str, requirement: str) -> None:
    """Deploy a script whose environment is not installed before the gate opens."""
    environment = {"name": "slow", "python_version": "3.11", "requirements": [requirement]}
    rest.post("environments", environment, 201)
    config = {
        "name": "slow",
        "kind": "entry_script",
        "entry_script": "score.py",
        "files": [rest.upload("score.py", SCRIPT)],
        "environment": "slow:1",
    }
    rest.post("configs", config, 201)
    rest.deploy("slow", iris, config="slow:1")


def test_inspection_and_build_of_killed_workers_are_finished_by_others(
    studio, rest, iris, gate, slow_requirement, tmp_path, report, assert_recorded_once
):
    begin_a_build(rest, iris, slow_requirement[1])
    wait_for(gate.builds, 60, "the environment's build to begin")
    assert builders(studio)
    rest.register("interrupted", slow_to_inspect(tmp_path))
    [inspecting] = wait_for(lambda: inspectors(studio), 20, "an inspection under way")
    inspecting.suspend()  # until the worker is killed
    studio.kill("heavy")
    studio.kill("builds")
    with suppress(psutil.NoSuchProcess):  # suspended as soon as it was forked, it has yet to see that its parent ended
        inspecting.resume()
    assert rest.get("versions/interrupted:1")["state"] == "uploaded"
    killed = time.monotonic()

    wait_for(lambda: "attempt 2" in rest.get("services/slow/logs?source=build")["text"], LEASE_SECONDS, "attempt 2")
    report("the build's next attempt began after the kill", time.monotonic() - killed)
    rest.until_ready("interrupted:1", LEASE_SECONDS)
    report("inspection done after the kill", time.monotonic() - killed)
    gate.open()
    rest.until_healthy("slow")
    report("service Healthy after the kill", time.monotonic() - killed)

    wait_for(lambda: not inspecting.is_running(), 10, "the end of the killed worker's inspection")
    assert rest.send("POST", "services/slow/score", content=b"{}").json() == 42
    assert incoming(studio) == []
    wait_for(lambda: half_made(studio) == [], 10, "no half-made folder")
    # What the killed installer had started ended with it.
    wait_for(lambda: builders(studio) == [], 30, "no process of the killed worker")
    assert_recorded_once("version", "interrupted:1", "registered", "accepted")
    assert_recorded_once("service", "slow", "deployed", "build_succeeded", "revision_activated")
