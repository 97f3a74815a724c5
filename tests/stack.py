"""The whole studio, started as people start it: `manage.py up` on a free port with a data folder of its own.

    def test_something(stack):
        httpx.get(stack.url("/healthz"))
        stack.kill("heavy")
        stack.wait_until_healthy()

`stack` is shared by a file; a test that stops or breaks the studio for good makes its own: `Stack(tmp_path)`.
With DATABASE_URL or REDIS_URL set, the studio gets a fresh database and an empty broker there.
"""

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a-long-stack-password"
# Redis has 16 databases; studios side by side must not share one, nor must those of (up to three) test processes.
PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
BROKERS = itertools.cycle(range(1 + 5 * PROCESS, 6 + 5 * PROCESS))
START_SECONDS = 90  # a busy machine; bench/studio.py measures what it takes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(probe: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true answer of `probe`; fails naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := probe():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


class Stack:
    """A studio in `data`. `password=None` lets it choose the administrator's password itself."""

    def __init__(self, data: Path, *, port: int | None = None, password: str | None = PASSWORD, **environ: str) -> None:
        self.data = data
        self.port = port or free_port()
        self.username, self.password = "admin", password
        self.address = f"http://127.0.0.1:{self.port}"
        self.log_path = data / "up.log"
        self.process: subprocess.Popen | None = None
        self.environ = self._environ() | environ

    def _environ(self) -> dict[str, str]:
        first = random.randrange(22000, 31000, 50)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLIPWAY_", "DJANGO_", "PYTEST_"))}
        return (
            kept
            | own_servers()
            | {
                "SLIPWAY_DATA": str(self.data),
                "SLIPWAY_FRONT": "0",
                "SLIPWAY_PORT": str(self.port),
                "SLIPWAY_LOCAL_PORT_FIRST": str(first),
                "SLIPWAY_LOCAL_PORT_LAST": str(first + 49),
            }
            | ({"SLIPWAY_ADMIN_PASSWORD": self.password} if self.password else {})
        )

    # --- start and stop

    def launch(self) -> None:
        """Start without waiting."""
        self.data.mkdir(mode=0o700, exist_ok=True, parents=True)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start(self) -> float:
        """Start and wait until everything answers; the seconds that took."""
        began = time.monotonic()
        self.launch()
        self.wait_until_healthy(START_SECONDS)
        return time.monotonic() - began

    def interrupt(self, seconds: float = 30) -> int:
        """Ctrl-C; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(seconds)

    def end(self) -> None:
        """Stop, and take every process of this data folder along, deployed services included."""
        if self.process and self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self.interrupt()
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()
        if self.process:
            self.process.wait(10)

    def __enter__(self) -> "Stack":
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.end()

    # --- looking at it

    def url(self, path: str) -> str:
        return self.address + path

    def health(self) -> dict:
        """Body of /healthz; {"status": "away"} while nothing listens."""
        try:
            return httpx.get(self.url("/healthz"), timeout=3).json()
        except (httpx.HTTPError, ValueError):
            return {"status": "away"}

    def wait_until_healthy(self, seconds: float = 40) -> None:
        def healthy() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"the studio ended:\n{self.log()[-4000:]}"
            return self.health()["status"] == "ok"

        try:
            wait_for(healthy, seconds, "healthy")
        except AssertionError as reason:
            raise AssertionError(f"{reason}\n{self.health()}\n{self.log()[-4000:]}") from None

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name: up, broker, web, quick, heavy, builds, clock."""
        return json.loads((self.data / "run" / "pids.json").read_text())

    def kill(self, name: str) -> int:
        """kill -9 of one program; its old process id."""
        pid = self.pids[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_and_recover(self, name: str, seconds: float = 40) -> None:
        """kill -9 of one program, then wait for its successor and for health."""
        old = self.kill(name)
        wait_for(lambda: self.pids.get(name, old) != old, seconds, f"a new {name}")
        self.wait_until_healthy(seconds)

    def processes(self) -> list[psutil.Process]:
        """Every process that works on this data folder."""
        return [process for process in psutil.process_iter() if process.pid != os.getpid() and self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            named = any(str(self.data) in argument for argument in process.cmdline())
            return named or process.environ().get("SLIPWAY_DATA") == str(self.data)
        except psutil.Error:
            return False


def own_servers() -> dict[str, str]:
    """A fresh database and an empty broker for this studio, where the environment names servers."""
    own = {}
    if url := os.environ.get("DATABASE_URL"):
        import psycopg  # only where a server is named

        name = f"stack_{random.randrange(10**9)}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        own["DATABASE_URL"] = url.rpartition("/")[0] + f"/{name}"
    if url := os.environ.get("REDIS_URL"):
        import redis  # only where a server is named

        own["REDIS_URL"] = url.rpartition("/")[0] + f"/{next(BROKERS)}"
        redis.Redis.from_url(own["REDIS_URL"]).flushdb()
    return own


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("studio")) as running:
        yield running
