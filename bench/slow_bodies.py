"""How quickly the studio answers while hundreds of clients send their bodies a byte a second.

    python bench/slow_bodies.py [--clients 200] [--against ../last-build]

Starts `manage.py up` of this checkout, and of another one where given, and asks `/healthz` and the sign-in page while
the clients send. Exits with 1 when this build's p95 of `/healthz` is 200 ms or more.
"""

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402

from bench.postgres import free_port  # noqa: E402

LIMIT_MS = 200
QUESTIONS = 40
PATIENCE = 5  # seconds for an answer
HEAD = (
    b"POST /api/v1/sign-in HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
)


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--clients", type=int, default=200)
    given.add_argument("--against", type=Path, help="another checkout, with a .venv of its own")
    options = given.parse_args()
    worst = _report("this build", ROOT, options.clients)
    if options.against:
        _report("the other", options.against.resolve(), options.clients)
    return 1 if worst >= LIMIT_MS else 0


def _report(name: str, checkout: Path, clients: int) -> float:
    with studio(checkout) as address:
        quiet = milliseconds(address, "/healthz")
        with slow_clients(address, clients):
            slow = milliseconds(address, "/healthz")
            page = milliseconds(address, "/sign-in/")
    for what, taken in (
        ("/healthz, nobody else", quiet),
        (f"/healthz, {clients} slow clients", slow),
        ("sign-in page", page),
    ):
        p50, p95, most = statistics.median(taken), statistics.quantiles(taken, n=20)[18], max(taken)
        print(f"{name:12} {what:26} p50 {p50:7.1f}  p95 {p95:7.1f}  max {most:7.1f} ms", flush=True)
    return statistics.quantiles(slow, n=20)[18]


@contextmanager
def studio(checkout: Path) -> Iterator[str]:
    """`manage.py up` of a checkout with a data folder of its own."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as data:
        port = free_port()
        environ = os.environ | {
            "SLIPWAY_DATA": data,
            "SLIPWAY_PORT": str(port),
            "SLIPWAY_ADMIN_PASSWORD": "a-long-one-9",
        }
        process = subprocess.Popen(
            [checkout / ".venv/bin/python", "manage.py", "up"], cwd=checkout, env=environ, stdout=subprocess.DEVNULL
        )
        try:
            _wait_until_healthy(address := f"http://127.0.0.1:{port}")
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _wait_until_healthy(address: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(f"{address}/healthz", timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"{address} did not start")


@contextmanager
def slow_clients(address: str, clients: int) -> Iterator[None]:
    """Clients who each send a byte a second, and come back as soon as they are turned away."""
    host, port = address.removeprefix("http://").split(":")
    over = threading.Event()
    thread = threading.Thread(target=_send_slowly, args=((host, int(port)), clients, over))
    thread.start()
    time.sleep(2)
    try:
        yield
    finally:
        over.set()
        thread.join()


def _send_slowly(place: tuple[str, int], clients: int, over: threading.Event) -> None:
    sockets: list[socket.socket] = []
    while not over.is_set():
        sockets = [one for one in sockets if _sent(one, b" ")]
        while len(sockets) < clients:
            with suppress(OSError):
                sockets.append(one := socket.create_connection(place, timeout=10))
                _sent(one, HEAD)
        over.wait(1)
    for one in sockets:
        one.close()


def _sent(one: socket.socket, data: bytes) -> bool:
    try:
        one.sendall(data)
        one.setblocking(False)
        return one.recv(1000) == b"never"  # an answer, or the end: turned away
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        with suppress(OSError):
            one.setblocking(True)


def milliseconds(address: str, path: str) -> list[float]:
    """What each of the questions took, over a connection of its own."""
    taken = []
    each_its_own = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=address, timeout=PATIENCE, limits=each_its_own) as browser:
        while len(taken) < QUESTIONS and sum(one >= 1000 * PATIENCE for one in taken) < 3:
            began = time.perf_counter()
            with suppress(httpx.TimeoutException):  # counts as what it took until then
                browser.get(path)
            taken.append(1000 * (time.perf_counter() - began))
            time.sleep(0.05)
    return taken


if __name__ == "__main__":
    sys.exit(main())
