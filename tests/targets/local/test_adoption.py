"""Processes and folders that earlier versions left are adopted."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from deployments.targets.local import adoption, process
from deployments.targets.local.run_folder import Launch, RunFolder
from tests.targets.contract import all_ready, gone, served, until
from tests.targets.local.local_drivers import STAND_IN, folder_of, wait_for
from tests.targets.specs import next_of

KEEPER_OF_VERSION_0_1 = """
(
  "$@"
  echo $? > exit.new && mv exit.new exit
) &
echo $$ > group.new && mv group.new group
"""


def start_as_before(folder: RunFolder, behaviour: str) -> None:
    """As earlier versions did: a session of a shell, all of whose processes hold the lock."""
    command = [sys.executable, "-m", "scoring", str(folder.run)]
    with process.locked(folder) as lock, folder.log.open("ab") as log:
        subprocess.run(
            ["/bin/sh", "-c", KEEPER_OF_VERSION_0_1, "slipway-service", *command],
            cwd=folder.path,
            env={"PYTHONPATH": str(STAND_IN), "BEHAVIOUR": behaviour, "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[lock],
            check=True,
        )


def files_as_before(folder: RunFolder, spec, route, *, on_request: bool) -> None:
    folder.home.mkdir(parents=True)
    (folder.home / "kept").touch()
    run = {"revision": spec.ref.revision, "recipe": spec.recipe, "port": route.port}
    folder.run.write_text(json.dumps(run))
    launch = Launch(1, spec.ref.revision, spec.recipe, route.port, time.time(), on_request=on_request)
    folder.launch.write_bytes(msgspec.json.encode(launch))
    folder.log.write_text("--- revision 1 starts ---\n")


@pytest.fixture
def adopted(driver, spec, route):
    """A process of version 0.1.0: in the service's own folder, and always at the service's address."""
    folder = RunFolder(driver.root / str(spec.ref.service_id), flat=True)
    files_as_before(folder, spec, route, on_request=False)
    start_as_before(folder, "always")
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
    assert {path.name for path in folder_of(driver, spec).path.parent.iterdir()} <= {"70", "address.json", "shared"}


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


@pytest.fixture
def undivided(driver, spec, route):
    """A process whose instance's folder is not divided yet."""
    folder = RunFolder(driver.root / str(spec.ref.service_id) / str(spec.ref.instance_id), flat=True)
    files_as_before(folder, spec, route, on_request=True)
    start_as_before(folder, "good")
    return until(driver, spec.ref, "ready")


def test_process_in_an_undivided_folder_serves_drains_and_stops(driver, spec, route, undivided):
    driver.apply(spec)
    assert driver.observe(spec.ref).started_at == undivided.started_at
    until(driver, spec.ref, "ready", lambda: driver.route(route), serving=True)
    until(driver, spec.ref, "ready", lambda: driver.drain(spec.ref), serving=False)
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))


def test_undivided_folder_is_divided_on_the_next_start(driver, spec, undivided):
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
    until(driver, spec.ref, "ready", lambda: driver.apply(spec))
    folder = folder_of(driver, spec)
    assert {path.name for path in folder.path.iterdir()} == {"control", "work"}
    assert (folder.home / "kept").exists()
    assert driver.logs(spec.ref)[0].startswith("--- revision 1 starts ---")


def test_process_of_an_undivided_folder_makes_room_for_several_replicas(driver, spec, undivided):
    """It does not share the address with others."""
    found = all_ready(driver, replace(spec, replicas=2))
    assert found.replicas[0].started_at > undivided.started_at
    folder = folder_of(driver, spec)
    assert {path.name for path in folder.path.iterdir()} == {"control", "work", "replicas"}
    assert (folder.home / "kept").exists()


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_interrupted_division_is_completed(driver, spec, undivided, moved, monkeypatch):
    folder = RunFolder(folder_of(driver, spec).path, flat=True)
    adoption.kill(folder)
    assert wait_for(lambda: not process.is_held(folder))
    renames, rename = iter(range(moved)), Path.rename

    def interrupted(path, target):
        if next(renames, None) is None:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as context:
        context.setattr(Path, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            driver.apply(spec)
    until(driver, spec.ref, "ready", lambda: driver.apply(spec))
    assert {path.name for path in folder_of(driver, spec).path.iterdir()} == {"control", "work"}


def test_next_revision_waits_for_the_end_of_an_undivided_folders_process(driver, spec, undivided):
    newer = next_of(spec)
    until(driver, newer.ref, "ready", lambda: driver.apply(newer))
    assert driver.observe(spec.ref).state != "ready"


def test_removal_of_an_undivided_folder_leaves_nothing(driver, spec, undivided):
    gone(driver, spec.ref)
    assert not (driver.root / str(spec.ref.service_id)).exists()
