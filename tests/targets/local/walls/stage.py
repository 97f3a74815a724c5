"""`python -m tests.targets.local.walls.stage FOLDER LEVEL NETWORK`: what a script reaches behind a level of walls.

Prints it as JSON.

Lays out a data folder like a studio's, with everything that a script should not reach, starts the real scoring server
as the local target does, waits for its script's answers, and stops it. `{"missing": "why"}` where the machine does not
offer the level.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
import httpx

django.setup()

from deployments.recipe.spec import InstanceRef, InstanceSpec  # noqa: E402
from deployments.targets.base import Route, WallsMissing  # noqa: E402
from deployments.targets.local.driver import LocalDriver  # noqa: E402
from deployments.targets.local.isolation import Isolation  # noqa: E402
from deployments.targets.scoring_library import scoring_library  # noqa: E402
from studio.sandbox.levels import Walls  # noqa: E402
from studio.sandbox.probe import probe  # noqa: E402
from tests.server_packages import copy_server_packages  # noqa: E402

ROOT = Path(__file__).resolve().parents[4]
PATIENCE_SECONDS = 60.0
SERVICE, INSTANCE = 7, 70


def main(folder: Path, level: str, network: str) -> dict:
    walls = probe(level) if level != "none" else Walls()
    if walls.level != level:
        return {"missing": walls.missing}
    data = folder / "data"
    with ExitStack() as held:
        targets = lay_out(data, folder, held)
        driver = LocalDriver(
            data / "services",
            lambda: scoring_library(ROOT / "scoring", data / "lib"),
            bundle_at=lambda digest: data / "bundles" / digest,
            python_at=lambda digest: data / "environments" / digest / "bin" / "python",
            isolation=lambda: Isolation(walls, readable=(Path(targets["granted"]),)),
        )
        told = {"walls": [walls.level, walls.changes_user, walls.landlock]}
        return told | observe(driver, data, targets, network, refuses=network == "none" and not walls.can_cut_off)


def lay_out(data: Path, folder: Path, held: ExitStack) -> dict:
    """A data folder; gives where everything is that a script should not reach."""
    data.mkdir(mode=0o700)
    elsewhere, granted = folder / "elsewhere", folder / "granted"
    for open_to_all in (elsewhere, granted):
        open_to_all.mkdir()
        open_to_all.chmod(0o777)
        (open_to_all / "file").touch()
        (open_to_all / "file").chmod(0o666)
    linked = folder / "linked"
    linked.symlink_to(granted)
    for name in ("slipway.sqlite3", "encryption.key"):
        (data / name).write_text("secret")
        (data / name).chmod(0o600)
    other = data / "services" / "8" / "80" / "control" / "keys.json"
    other.parent.mkdir(parents=True)
    other.write_text("secret")
    bundle = data / "bundles" / ("a" * 64)
    (bundle / "source").mkdir(parents=True)
    (bundle / "bundle.json").write_text(json.dumps({"kind": "entry_script", "models": [], "entry_script": "score.py"}))
    shutil.copy(Path(__file__).with_name("score.py"), bundle / "source" / "score.py")
    broker = listening(held, socket.AF_UNIX, str(data / "redis.sock"))
    abstract = listening(held, socket.AF_UNIX, f"\0slipway-walls-{os.getpid()}")
    web = listening(held, socket.AF_INET, ("127.0.0.1", 0))
    studio = held.enter_context(subprocess.Popen(["sleep", "600"], env={"PLANTED": "secret"}))
    held.callback(studio.kill)
    control = data / "services" / str(SERVICE) / str(INSTANCE) / "control"
    return {
        "database": str(data / "slipway.sqlite3"),
        "secret": str(data / "encryption.key"),
        "other": str(other),
        "broker": broker.getsockname(),
        "abstract": abstract.getsockname()[1:].decode(),
        "web": web.getsockname()[1],
        "environ": f"/proc/{studio.pid}/environ",
        "memory": f"/proc/{studio.pid}/mem",
        "studio": studio.pid,
        "library": str(scoring_library(ROOT / "scoring", data / "lib") / "scoring" / "__init__.py"),
        "environment": str(make_environment(data / "environments" / ("e" * 64))),
        "bundle": str(bundle / "source" / "score.py"),
        "elsewhere": str(elsewhere),
        "granted": str(linked),
        "control": str(control),
        "lock": str(control / "lock"),
        "home": str(control.parent / "work" / "home"),
        "user": os.geteuid(),
        "port": free_port(),
    }


def make_environment(place: Path) -> Path:
    """A virtual environment with what the scoring server needs."""
    packages = place / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    copy_server_packages(packages)
    (place / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix) / 'bin'}\n")
    (place / "bin").mkdir()
    (place / "bin" / "python").symlink_to(sys.executable)
    return place


def observe(driver: LocalDriver, data: Path, targets: dict, network: str, *, refuses: bool) -> dict:
    """Start it, read what it reached, ask it for a prediction, take its telemetry, and stop it."""
    spec = InstanceSpec(
        ref=InstanceRef(INSTANCE, SERVICE, "vision", "iris", 1),
        generation=1,
        recipe="a" * 64,
        kind="entry_script",
        bundle="a" * 64,
        environment="e" * 64,
        auth=False,
        processes=1,
        cpus=1.0,
        network=network,
        telemetry_url="http://127.0.0.1:9/api/v1/telemetry" if network == "none" else "",
        telemetry_seconds=0.5,
        environment_variables={"TARGETS": json.dumps(targets), "MARK": "planted"},
    )
    port = free_port()
    driver.route(Route(SERVICE, "127.0.0.1", port, None, spec.ref))
    try:
        driver.apply(spec)
    except WallsMissing as missing:
        return {"refused": str(missing), "rightly": refuses}
    try:
        found = until(driver, spec, "ready")
        reached = json.loads(Path(targets["home"], "reached.json").read_text())
        answer = ask(port)
        windows = taken(driver, spec) if network == "none" else []
    finally:
        until(driver, spec, "absent", lambda: driver.stop(spec.ref))
    told = {
        "observed": [found.walls, found.user, found.readable],
        "granted": targets["granted"],
        "log": driver.logs(spec.ref)[0],
    }
    return told | {"reached": reached, "answer": answer, "windows": windows}


def ask(port: int) -> str:
    """At the service's address, which the instance takes over within a second or so."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return httpx.post(f"http://127.0.0.1:{port}/score", json={"data": [1]}).text
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


def taken(driver: LocalDriver, spec: InstanceSpec) -> list[int]:
    """How many requests its windows tell of, until they tell of one."""
    counts: list[int] = []
    end = time.monotonic() + PATIENCE_SECONDS
    while sum(counts) == 0 and time.monotonic() < end:
        driver.take_windows(spec.ref, lambda bodies: counts.extend(map(requests_in, bodies)))
        time.sleep(0.05)
    return counts


def requests_in(body: bytes) -> int:
    return sum(json.loads(body).get("counters", {}).get("codes", {}).values())


def until(driver: LocalDriver, spec: InstanceSpec, state: str, step=lambda: None):
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        step()
        found = driver.observe(spec.ref)
        if found.state == state:
            return found
        if found.state in ("failed", "dead"):
            break
        time.sleep(0.05)
    raise SystemExit(f"{found}\n{driver.logs(spec.ref)[0]}")


def listening(held: ExitStack, family: int, address) -> socket.socket:
    made = held.enter_context(socket.socket(family))
    made.bind(address)
    made.listen()
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3])) + "\n")
