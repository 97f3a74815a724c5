"""Starts by the local driver: concurrent ones, stop requests in between, lost files, capacity."""

import json
import threading
import time
from dataclasses import replace

import psutil
import pytest

from deployments.targets.base import NoRoom, WallsMissing
from deployments.targets.local import replica
from deployments.targets.local.isolation import Isolation
from deployments.targets.local.run_folder import Launch
from studio.sandbox.levels import Walls
from tests.targets.contract import known, until, wait_for
from tests.targets.local.local_drivers import folder_of, local_driver


def test_concurrent_starts_give_one_process(driver, spec):
    starts = [threading.Thread(target=local_driver(driver.root).apply, args=(spec,)) for _ in range(8)]
    for thread in starts:
        thread.start()
    for thread in starts:
        thread.join()
    until(driver, spec.ref, "ready")
    assert driver.logs(spec.ref)[0].count("the stand-in begins") == 1


def test_stop_request_for_an_earlier_process_does_not_end_a_new_one(driver, spec):
    folder = folder_of(driver, spec)
    library = driver.library

    def library_during_a_stop_request():
        folder.stopping.touch()
        return library()

    driver.library = library_during_a_stop_request
    driver.apply(spec)
    until(driver, spec.ref, "ready")


def test_process_started_between_observation_and_stop_is_kept(driver, spec, monkeypatch):
    folder = folder_of(driver, spec)
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    old = Launch(generation=0, revision=0, recipe="old", port=1, started_at=0.0)
    launches, real = iter([old]), replica.read_struct

    def read(path, kind):
        return next(launches, None) or real(path, kind) if kind is Launch else real(path, kind)

    monkeypatch.setattr(replica, "read_struct", read)
    driver.apply(spec)

    assert not folder.stopping.exists()
    assert driver.observe(spec.ref).state == "ready"


@pytest.mark.parametrize("lost", ["processes.json", "status.json", "launch.json", "run.json"])
def test_process_that_lost_a_file_converges(driver, spec, lost):
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    [file] = folder_of(driver, spec).path.rglob(lost)
    file.unlink()
    if lost == "launch.json":
        assert driver.observe(spec.ref).state == "absent"
    changed = replace(spec, recipe="c" * 64, generation=2)
    before = json.loads(folder_of(driver, spec).run.read_bytes()) if lost != "run.json" else {}
    end = time.monotonic() + 15
    while time.monotonic() < end and recipe_of(driver, spec) != changed.recipe:
        driver.apply(changed)
        time.sleep(0.05)
    assert before.get("recipe") != recipe_of(driver, spec)
    until(driver, spec.ref, "ready")


def recipe_of(driver, spec) -> str | None:
    """The recipe of the latest start."""
    run = folder_of(driver, spec).run
    return json.loads(run.read_bytes())["recipe"] if run.exists() else None


@pytest.mark.parametrize(
    ("changes", "missing"),
    [({"memory_bytes": 1 << 60}, "of memory; this machine has"), ({"cpus": 100000.0}, "100000 CPU cores")],
)
def test_specification_beyond_the_machines_capacity_has_no_room(driver, spec, changes, missing):
    with pytest.raises(NoRoom, match=missing):
        driver.apply(replace(spec, **changes))
    assert driver.observe(spec.ref).state == "absent"


def test_replicas_that_find_no_room_do_not_keep_the_others_from_starting(driver, spec):
    more = replace(spec, memory_bytes=int(psutil.virtual_memory().total * 0.6), replicas=3)
    with pytest.raises(NoRoom, match="of memory for each of 3 replicas; this machine has"):
        driver.apply(more)
    found = wait_for(driver, spec.ref, lambda found: found.ready(3) == 1)
    assert [one.number for one in found.replicas] == [1]


def test_nothing_starts_behind_less_than_the_required_walls(spec, route, tmp_path):
    walls = Walls("landlock", missing={"bubblewrap": "bubblewrap is not installed."})
    driver = local_driver(tmp_path / "services", Isolation(walls, required="bubblewrap"))
    known(driver, route)
    with pytest.raises(WallsMissing, match="asks for bubblewrap, and this machine offers landlock"):
        driver.apply(spec)
    assert driver.observe(spec.ref).state == "absent"
    [problem] = driver.check()
    assert "bubblewrap is not installed." in problem


def test_driver_tells_its_walls_and_how_to_get_better_ones(tmp_path):
    best = local_driver(tmp_path, Isolation(Walls("bubblewrap", changes_user=True)))
    assert best.facts() == [
        "Walls around user code: bubblewrap: own namespaces and a user of its own, only its own folders."
    ]
    told, advice = local_driver(tmp_path, Isolation(Walls("none"))).facts()
    assert told == "Walls around user code: none: it can do whatever the studio can."
    assert advice.startswith("Install bubblewrap")
