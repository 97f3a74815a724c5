"""How long an update takes that changes only options: `python bench/updates.py --against CHECKOUT`.

Starts the studio of this checkout and of another one (with its own `.venv`), deploys the same small model in both, and
changes one environment variable of the service again and again, in turns. A time is from the request to the moment in
which the new revision is Healthy, as a client sees it that asks every 20 ms. Prints medians and their ratio; exits with
1 when the ratio exceeds its bar.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
import psutil  # noqa: E402

from bench.postgres import free_port  # noqa: E402
from slipway.client import Client  # noqa: E402

MODEL = ROOT / "samples" / "iris" / "model.onnx"
NAME = "bench-updates"
PASSWORD = "a-bench-password"
BAR = 0.5  # of the other checkout's time
POLL_SECONDS = 0.02
PATIENCE_SECONDS = 120.0
PORTS = 40  # for the services of one studio


def main() -> int:
    options = _options()
    checkouts = {"this checkout": ROOT, "the other one": Path(options.against).resolve()}
    with ExitStack() as stack:
        clients = {
            name: stack.enter_context(studio(folder, options.first_port + turn * PORTS))
            for turn, (name, folder) in enumerate(checkouts.items())
        }
        for client in clients.values():
            deploy(client)
        times: dict[str, list[float]] = {name: [] for name in clients}
        for number in range(1, options.rounds + 1):
            for name, client in clients.items():
                times[name].append(update(client, number))
        for client in clients.values():
            client.delete_service(NAME)
            client.wait_until_gone(NAME)
    for name, found in times.items():
        print(f"{name}: median {statistics.median(found):.2f} s of {', '.join(f'{one:.2f}' for one in sorted(found))}")
    ours, theirs = (statistics.median(found) for found in times.values())
    print(f"ratio {ours / theirs:.2f}; the bar, {BAR}, is {'met' if ours <= BAR * theirs else 'missed'}")
    return 0 if ours <= BAR * theirs else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", required=True, help="the other checkout, with its .venv")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--first-port", type=int, default=21700, help="of the services")
    return parser.parse_args()


@contextmanager
def studio(checkout: Path, first_port: int) -> Iterator[Client]:
    """A studio of that checkout with an empty data folder, and a client of its administrator."""
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as data:
        own = {
            "SLIPWAY_DATA": data,
            "SLIPWAY_PORT": str(port),
            "SLIPWAY_ADMIN_PASSWORD": PASSWORD,
            "SLIPWAY_LOCAL_PORT_FIRST": str(first_port),
            "SLIPWAY_LOCAL_PORT_LAST": str(first_port + PORTS - 1),
        }
        process = subprocess.Popen(
            [checkout / ".venv" / "bin" / "python", "manage.py", "up"],
            cwd=checkout,
            env=kept | own,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _signed_in(f"http://127.0.0.1:{port}")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            _end_what_outlives(data)


def _end_what_outlives(data: str) -> None:
    """The front and the services go on without their studio, and would disturb what is measured next."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended, or is somebody else's
            if any(argument.startswith(f"{data}/") for argument in process.cmdline()):
                process.kill()


def _signed_in(url: str) -> Client:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/healthz").status_code == 200:
                token = Client(url).sign_in("admin", PASSWORD, "default")["token"]
                return Client(url, token, "default")
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"The studio at {url} did not come up.")


def deploy(client: Client) -> None:
    """The first revision, Healthy."""
    version = client.register_model(NAME, [MODEL])
    client.wait_for_version(version["id"])
    client.deploy(NAME, [version["id"]])
    client.wait_for(NAME, {"Healthy"})


def update(client: Client, number: int) -> float:
    """Seconds until revision `number` + 1, which differs in a variable, is Healthy."""
    began = time.monotonic()
    variables = {"environment_variables": {"ROUND": str(number)}}
    client.deploy(NAME, [f"{NAME}:1"], overwrite=True, deployment_config=variables)
    while time.monotonic() - began < PATIENCE_SECONDS:
        found = client.service(NAME)
        if found["state"] == "Healthy" and found["observed_revision"] == number + 1:
            return time.monotonic() - began
        if found["state"] == "Failed":
            raise SystemExit(f"The update failed: {found['cause']}")
        time.sleep(POLL_SECONDS)
    raise SystemExit("The update did not end.")


if __name__ == "__main__":
    sys.exit(main())
