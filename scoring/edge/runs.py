"""One scoring server of a release on this device: started, asked, told to serve, ended.

It outlives the agent. The kernel's lock on a file that it has inherited says whether it lives, whoever asks, and ends
with it; after a restart of the device nobody holds it.
"""

import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scoring.edge.files import read_json, replace_file
from scoring.edge.launch import environment, make_environment, write_settings
from scoring.edge.machine import check_fit
from scoring.edge.parts import PartStore
from scoring.edge_contract import BUNDLE, LIBRARY, PACKAGES

SERVING = "serving"
PROBE_SECONDS = 2.0
LOG_BYTES = 4 * 1024 * 1024

_children: list[subprocess.Popen[bytes]] = []  # ended ones are reaped; those of an agent before this one init has


class Run:
    """The folder of a release's server: `control` for what it is told, `work` for what it writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.control, self.work = folder / "control", folder / "work"

    # --- what is there

    def is_alive(self) -> bool:
        reap()
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def status(self) -> dict[str, Any]:
        """What it said last; empty before that."""
        found = read_json(self.work / "status.json")
        return found if isinstance(found, dict) else {}

    def answers(self) -> bool:
        """Whether it is ready and answers at an endpoint of its own."""
        place = urlsplit(self.status().get("endpoints", {}).get("http", ""))
        if self.status().get("state") != "ready" or place.port is None:
            return False
        connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def log_tail(self, count: int = 4000) -> str:
        """The end of what it printed."""
        with suppress(OSError), (self.folder / "server.log").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - count))
            return file.read().decode(errors="replace")
        return ""

    # --- steps

    def start(self, service: dict[str, Any], release: dict[str, Any], parts: PartStore, handover: Path) -> None:
        """Start it, not yet serving. Raises `EdgeProblem` where the release does not fit this Python."""
        check_fit(release["python"])
        lock = self._taken_lock()
        try:
            self._prepare()
            settings = release["settings"] | self._places(service, release, parts, handover)
            run = write_settings(self.control, settings, service["keys"])
            python = make_environment(self.folder / "environment", parts.path(release["parts"][PACKAGES]))
            library = parts.path(release["parts"][LIBRARY])
            with (self.folder / "server.log").open("ab") as log:
                child = subprocess.Popen(
                    [python, "-m", "scoring", run, "--console"],
                    cwd="/",
                    env=environment(release["variables"], library, self.work),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=[lock],
                )
            _children.append(child)
            replace_file(self.folder / "process.json", json.dumps({"pid": child.pid}).encode())
        finally:
            os.close(lock)

    def write_keys(self, keys: dict[str, Any]) -> None:
        """New keys count within seconds; the server reads them itself."""
        if self.control.is_dir():
            replace_file(self.control / "keys.json", json.dumps(keys).encode())

    def serve(self) -> None:
        """Answer at the service's address."""
        if not self.is_told_to_serve():
            (self.control / SERVING).touch(mode=0o600)
            self._recheck()

    def drain(self) -> None:
        """Leave the service's address and finish what is under way."""
        if self.is_told_to_serve():
            (self.control / SERVING).unlink(missing_ok=True)
            self._recheck()

    def is_told_to_serve(self) -> bool:
        return (self.control / SERVING).exists()

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it with all its processes, now."""
        self._signal(signal.SIGKILL, group=True)

    def remove(self) -> None:
        """Forget what has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- how

    def _taken_lock(self) -> int:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor

    def _prepare(self) -> None:
        """What tells of the run before must not be taken for this one's."""
        for needed in (self.control, self.work, self.work / "home"):
            needed.mkdir(mode=0o700, exist_ok=True)
        for stale in (self.work / "status.json", self.folder / "process.json", self.control / SERVING):
            stale.unlink(missing_ok=True)
        log = self.folder / "server.log"
        if log.exists() and log.stat().st_size > LOG_BYTES:
            os.replace(log, self.folder / "server.log.1")

    def _places(
        self, service: dict[str, Any], release: dict[str, Any], parts: PartStore, handover: Path
    ) -> dict[str, Any]:
        """What only the device knows. Windows wait in a folder, as the agent ships them."""
        return {
            "bundle": str(parts.path(release["parts"][BUNDLE])),
            "work": str(self.work),
            "host": release["host"],
            "port": release["port"],
            "replica": f"device-{service['device']}",
            "serve_on_request": True,
            "handover": str(handover),
            "telemetry": {"url": "", "token": "", "service": service["id"], "seconds": 5.0},
        }

    def _recheck(self) -> None:
        """Only what has said who it is handles this signal; all others look by themselves."""
        if self.status().get("pid") == self._pid():
            self._signal(signal.SIGHUP)

    def _pid(self) -> int | None:
        """Written down at the start; an agent that was killed in between left it to the server to say."""
        known = read_json(self.folder / "process.json") or self.status()
        pid = known.get("pid")
        return pid if isinstance(pid, int) and pid > 1 else None

    def _signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """Its number cannot have gone to a stranger while it holds the lock."""
        pid = self._pid()
        if pid is not None and self.is_alive():
            with suppress(OSError):
                os.killpg(pid, number) if group else os.kill(pid, number)


def reap() -> None:
    """Take notice of children that have ended."""
    _children[:] = [child for child in _children if child.poll() is None]
