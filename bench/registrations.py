"""Many registrations at once, and a deployment among them, beside a checkout of the last build.

`python bench/registrations.py --against ../last-build` starts the studio of each checkout in turn (each with its own
.venv, `make setup` makes it), has 8 clients register 20 versions each over REST, and deploys a model that was ready
before when half of them are registered. Writes docs/benchmarks/registrations.md. Exits with 1 when all are ready in
more than 0.3x of the last build's time, or the deployment takes more than 10 s to become Healthy.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
import psutil  # noqa: E402

from bench.machine import free_port  # noqa: E402

REPORT = ROOT / "docs" / "benchmarks" / "registrations.md"
MODEL = ROOT / "samples" / "iris" / "model.onnx"
READY_RATIO, HEALTHY_SECONDS = 0.3, 10.0
START_SECONDS, DEPLOY_SECONDS = 120.0, 300.0
PASSWORD = "a-long-bench-password"


@dataclass(frozen=True)
class Measured:
    """Seconds: until all versions were registered, until all were ready, until the deployment was Healthy."""

    registered: float
    ready: float
    healthy: float


class Api:
    """The administrator's REST client."""

    def __init__(self, address: str) -> None:
        facts = {"username": "admin", "password": PASSWORD}
        token = httpx.post(f"{address}/api/v1/sign-in", json=facts, timeout=60).raise_for_status().json()["token"]
        self._client = httpx.Client(
            base_url=f"{address}/api/v1/workspaces/default/", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def ask(self, method: str, path: str, **more: Any) -> Any:
        return self._client.request(method, path, **more).raise_for_status().json()

    def register(self, name: str, content: bytes) -> str:
        """The new version's name:number."""
        upload = self.ask("POST", "uploads", json={"path": "model.onnx", "size": len(content)})
        self.ask("PUT", f"uploads/{upload['id']}?offset=0", content=content)
        self.ask("POST", f"uploads/{upload['id']}/complete", json={})
        version: str = self.ask("POST", "versions", json={"name": name, "files": [upload["id"]]})["id"]
        return version

    def wait(self, path: str, states: set[str], seconds: float) -> float:
        """Seconds until the thing at `path` is in one of `states`; infinite when it is not in time."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self.ask("GET", path)["state"] in states:
                return time.monotonic() - began
            time.sleep(0.1)
        return float("inf")

    def uninspected(self) -> int:
        found: int = self.ask("GET", "versions", params={"filter": "state=uploaded", "page_size": 1})["count"]
        return found


def main() -> int:
    arguments = read_arguments()
    checkouts = {"last build": arguments.against.resolve(), "this build": ROOT}
    found = {name: measure(checkout, arguments) for name, checkout in checkouts.items()}
    report = render(found, arguments)
    print(report)
    arguments.report.write_text(report)
    return 0 if all(met for _, met in bars(found)) else 1


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, required=True, help="a checkout of the last build, with its .venv")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--versions", type=int, default=20, help="that each client registers")
    parser.add_argument("--patience", type=float, default=1200, help="seconds after which a studio counts as stuck")
    parser.add_argument("--report", type=Path, default=REPORT)
    return parser.parse_args()


def measure(checkout: Path, arguments: argparse.Namespace) -> Measured:
    """One studio, from its first registration to the last inspection."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as data, studio(checkout, Path(data)) as address:
        api = Api(address)
        ready = api.register("deployed", MODEL.read_bytes())
        api.wait(f"versions/{ready}", {"ready"}, arguments.patience)
        measured = _registrations(address, ready, arguments)
        _delete_service(api)
        return measured


def _registrations(address: str, ready: str, arguments: argparse.Namespace) -> Measured:
    half = threading.Semaphore(0)
    began = time.monotonic()
    with ThreadPoolExecutor(arguments.clients + 1) as pool:
        clients = [
            pool.submit(_register_all, address, client, arguments.versions, half) for client in range(arguments.clients)
        ]
        for _ in range(arguments.clients * arguments.versions // 2):
            half.acquire()
        deployed = pool.submit(_deploy, Api(address), ready)
        _results(clients)
        registered = time.monotonic() - began
        waited = _until_inspected(Api(address), began + arguments.patience)
        return Measured(registered, waited - began, deployed.result())


def _register_all(address: str, client: int, versions: int, done: threading.Semaphore) -> None:
    api = Api(address)
    for number in range(versions):
        api.register("many", _different(MODEL.read_bytes(), f"{client}-{number}"))
        done.release()


def _different(model: bytes, text: str) -> bytes:
    """The model with a doc_string (field 6 of ONNX's ModelProto), so that no two files are equal."""
    return model + bytes([6 << 3 | 2, len(text)]) + text.encode()


def _results(futures: list[Future[None]]) -> None:
    for future in futures:
        future.result()


def _until_inspected(api: Api, deadline: float) -> float:
    """The moment at which no version waits for its inspection any more."""
    while api.uninspected():
        if time.monotonic() > deadline:
            return float("inf")
        time.sleep(0.2)
    return time.monotonic()


def _deploy(api: Api, version: str) -> float:
    """Seconds from the request to Healthy."""
    began = time.monotonic()
    api.ask("POST", "services", json={"name": "amid", "models": [version]})
    api.wait("services/amid", {"Healthy"}, DEPLOY_SECONDS)
    healthy = api.ask("GET", "services/amid")["state"] == "Healthy"
    return time.monotonic() - began if healthy else float("inf")


@contextmanager
def studio(checkout: Path, data: Path) -> Iterator[str]:
    """The studio of that checkout, from the moment in which everything answers."""
    port, first = free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    own = {"SLIPWAY_DATA": str(data), "SLIPWAY_PORT": str(port), "SLIPWAY_ADMIN_PASSWORD": PASSWORD}
    own |= {"SLIPWAY_LOCAL_PORT_FIRST": str(first), "SLIPWAY_LOCAL_PORT_LAST": str(first + 20)}
    command = [str(checkout / ".venv" / "bin" / "python"), "manage.py", "up"]
    with (data / "up.log").open("w") as log:
        process = subprocess.Popen(command, cwd=checkout, env=kept | own, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(address, process, data / "up.log")
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"The studio did not come up:\n{log.read_text()[-3000:]}")


def _delete_service(api: Api) -> None:
    """Services outlive the studio; this one must not."""
    api.ask("DELETE", "services/amid")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            api.ask("GET", "services/amid")
        except httpx.HTTPStatusError:
            return
        time.sleep(0.2)


def bars(found: dict[str, Measured]) -> list[tuple[str, bool]]:
    """What must hold, in words, and whether it does."""
    last, this = found["last build"], found["this build"]
    ratio = this.ready / last.ready
    return [
        (f"all ready in {ratio:.2f}x of the last build's time; the bar is {READY_RATIO}x", ratio <= READY_RATIO),
        (
            f"the deployment Healthy after {this.healthy:.1f} s; the bar is {HEALTHY_SECONDS:.0f} s",
            this.healthy <= HEALTHY_SECONDS,
        ),
    ]


def render(found: dict[str, Measured], arguments: argparse.Namespace) -> str:
    """The report as Markdown."""
    machine = f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.platform()}"
    total = arguments.clients * arguments.versions
    rows = [
        f"| {name} | {each.registered:.1f} s | {each.ready:.1f} s | {each.healthy:.1f} s |"
        for name, each in found.items()
    ]
    verdicts = [f"- {words}: {'met' if met else '**missed**'}" for words, met in bars(found)]
    parts = [
        "# Many registrations at once, and a deployment among them",
        f"Made by `python bench/registrations.py --against …` on {datetime.now(UTC):%Y-%m-%d}: {machine}, Python"
        f" {platform.python_version()}, SQLite and embedded broker. {arguments.clients} clients register {total}"
        " versions of one model over REST, each with a file of its own; when half of them are registered, a model that"
        " was ready before is deployed. Both studios in one run, one after the other.",
        "\n".join(["| | all registered | all ready | deployment Healthy |", "| --- | --- | --- | --- |", *rows]),
        "\n".join(verdicts),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
