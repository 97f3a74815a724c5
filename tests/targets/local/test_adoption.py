"""Processes and folders that version 0.1.0 left are adopted."""

import json
import os
import sys
import time

import msgspec
import pytest

from deployments.targets.local import process
from deployments.targets.local.run_folder import Launch, RunFolder
from tests.targets.contract import gone, served, until
from tests.targets.local.local_drivers import STAND_IN, folder_of
from tests.targets.specs import next_of


@pytest.fixture
def adopted(driver, spec, route):
    """A process of version 0.1.0: in the service's own folder, and always at the service's address."""
    folder = RunFolder(driver.root / str(spec.ref.service_id))
    folder.home.mkdir(parents=True)
    (folder.home / "kept").touch()
    run = {"revision": spec.ref.revision, "recipe": spec.recipe, "port": route.port}
    folder.run.write_text(json.dumps(run))
    launch = Launch(generation=1, recipe=spec.recipe, started_at=time.time(), revision=1, port=route.port)
    folder.launch.write_bytes(msgspec.json.encode(launch))
    folder.log.write_text("--- revision 1 starts ---\n")
    environment = {"PYTHONPATH": str(STAND_IN), "BEHAVIOUR": "always", "PATH": os.environ["PATH"]}
    with process.locked(folder) as lock:
        process.spawn(folder, [sys.executable, "-m", "scoring", str(folder.run)], environment, lock)
    return until(driver, spec.ref, "ready")


def test_running_process_is_adopted_and_left_alone(driver, spec, adopted):
    driver.apply(spec)
    found = driver.observe(spec.ref)
    assert (found.state, found.serving, found.started_at) == ("ready", True, adopted.started_at)
    assert driver.observe(next_of(spec).ref).state == "absent"


def test_files_move_to_the_instance_on_the_next_start(driver, spec, adopted):
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
    until(driver, spec.ref, "ready", lambda: driver.apply(spec))
    assert driver.logs(spec.ref)[0].startswith("--- revision 1 starts ---")
    assert (folder_of(driver, spec).home / "kept").exists()
    assert {path.name for path in folder_of(driver, spec).path.parent.iterdir()} <= {"70", "address.json"}


def test_next_revision_starts_after_the_old_process_has_ended(driver, spec, route, adopted):
    newer = next_of(spec)
    until(driver, newer.ref, "ready", lambda: driver.apply(newer))
    assert driver.observe(spec.ref).state == "absent"
    assert served(driver, spec, route).started_at > adopted.started_at


def test_removal_leaves_nothing_of_the_service(driver, spec, adopted):
    gone(driver, spec.ref)
    assert not (driver.root / str(spec.ref.service_id)).exists()


def test_removal_of_another_revision_leaves_it_running(driver, spec, adopted):
    driver.remove(next_of(spec).ref)
    assert driver.observe(spec.ref).state == "ready"
