"""Local drivers over a stand-in for the scoring server, and what tests ask of their instances."""

import json
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import psutil

from deployments.targets.local import adoption, process
from deployments.targets.local.driver import LocalDriver
from deployments.targets.local.isolation import Isolation
from deployments.targets.local.run_folder import RunFolder, ServiceFolder

STAND_IN = Path(__file__).parents[1] / "standin"


def local_driver(root: Path, isolation: Isolation | None = None) -> LocalDriver:
    """A driver without walls, unless they are given."""
    return LocalDriver(
        root,
        lambda: STAND_IN,
        bundle_at=lambda digest: root / digest,
        python_at=lambda digest: Path(sys.executable),
        isolation=lambda: isolation or Isolation(),
    )


def end_all(root: Path) -> None:
    """End all instances below a folder of services."""
    for lock in root.rglob("lock"):
        if lock.parent.name == "control":
            process.kill(RunFolder(lock.parent.parent))
        else:
            adoption.kill(RunFolder(lock.parent, flat=True))


def wait_for(condition) -> bool:
    end = time.monotonic() + 15
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def folder_of(driver, spec, number: int = 1) -> RunFolder:
    return ServiceFolder(driver.root / str(spec.ref.service_id)).replica(spec.ref.instance_id, number)


def pid_of(driver, ref, number: int = 1) -> int:
    """The server's pid on the host."""
    folder = ServiceFolder(driver.root / str(ref.service_id)).replica(ref.instance_id, number)
    return json.loads(folder.processes.read_bytes())["program"]


def behaving(spec, behaviour, **changes):
    """The specification of an instance whose server misbehaves as the stand-in's variable BEHAVIOUR says."""
    return replace(spec, environment_variables={"BEHAVIOUR": behaviour}, **changes)


def ask(driver, spec) -> dict:
    """The stand-in's report about itself, from the instance's own endpoint."""
    with urllib.request.urlopen(driver.observe(spec.ref).endpoints[0].address, timeout=5) as answer:
        return json.load(answer)


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
