"""An optimisation whose worker is killed in the middle ends with the worker's program, and is done by the next one."""

import psutil
import pytest

from tests.stack import ROOT, wait_for

pytestmark = pytest.mark.stack
LEASE_SECONDS = 60  # a job whose worker was killed is taken over after its lease of 30 s


def programs(studio):
    """Processes that study a model of this studio."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(studio.data) in word and word.endswith("task.json") for word in process.info["cmdline"] or [])
    ]


def test_optimisation_of_a_killed_worker_is_done_by_the_next_one(studio, rest):
    version = rest.register("digits", ROOT / "samples" / "digits" / "model.onnx")
    rest.until_ready(version)
    number = rest.post("conversions", {"model": version}, 202)["id"]
    wait_for(lambda: programs(studio), 60, "the program that studies the model")
    studio.kill("long")
    assert rest.get(f"conversions/{number}")["state"] == "running"
    wait_for(lambda: programs(studio) == [], 30, "the end of the program")

    found = wait_for(
        lambda: (found := rest.get(f"conversions/{number}"))["state"] not in ("queued", "running") and found,
        LEASE_SECONDS + 180,
        "the end of the optimisation",
    )

    assert (found["state"], found["error"]) == ("succeeded", None)
    names = [one["name"] for one in found["variants"]]
    assert len(names) == len(set(names)) >= 4
    assert all(one["verdict"] != "failed" for one in found["variants"]), found["variants"]
    assert [path.name for path in studio.data.rglob("inspect-conversion-*")] == []
