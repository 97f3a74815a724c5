"""The studio that `make_fixture.py` drives, in the current folder's checkout, and the archive of its data folder."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

# What the studio makes again, or what tells nothing; virtual environments are made by whoever unpacks the archive.
LEFT_OUT = {"redis", "run", "static", "spool", ".cache", "up.log", "up.lock"}


class OldStudio:
    """A studio of the checkout that is the current folder."""

    def __init__(self, data: Path, password: str) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
        self.environ |= {
            "SLIPWAY_DATA": str(data),
            "SLIPWAY_PORT": str(self.port),
            "SLIPWAY_ADMIN_PASSWORD": password,
            "SLIPWAY_LOCAL_PORT_FIRST": "21200",
            "SLIPWAY_LOCAL_PORT_LAST": "21299",
        }

    def start(self) -> None:
        self.data.mkdir()
        with (self.data / "up.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"], env=self.environ, stdout=log, stderr=log
            )
        until(self.is_healthy, "the studio answers")

    def is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=3).json()["status"] == "ok"
        except (httpx.HTTPError, ValueError):
            return False

    def add_person(self, name: str, password: str) -> None:
        """REST has no address for this; an administrator does it under /admin/."""
        code = f"from studio.accounts.models import User; User.objects.create_user({name!r}, password={password!r})"
        subprocess.run([sys.executable, "manage.py", "shell", "-c", code], env=self.environ, check=True)

    def suspend(self, name: str) -> None:
        """Let a worker do nothing more, as if its machine stopped at this moment."""
        os.kill(json.loads((self.data / "run" / "pids.json").read_text())[name], signal.SIGSTOP)

    def stop(self) -> None:
        """As Ctrl-C does. Services go on."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def kill_everything(self) -> None:
        self.process.kill()
        for process in psutil.process_iter():
            try:
                if any(str(self.data) in argument for argument in process.cmdline()) and process.pid != os.getpid():
                    process.kill()
            except psutil.Error:
                continue


def pack(data: Path, record: dict[str, Any], archive: Path) -> None:
    with sqlite3.connect(data / "slipway.sqlite3") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("VACUUM")
    (data.parent / "record.json").write_text(json.dumps(record, indent=1))
    with tarfile.open(archive, "w:xz", preset=9) as packed:
        packed.add(data.parent / "record.json", "record.json")
        packed.add(data, "data", filter=without_what_is_made_again)


def without_what_is_made_again(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = member.name.split("/")[1:]
    in_an_environment = parts[:1] == ["environments"] and len(parts) > 2 and parts[2] != "requirements.lock"
    if LEFT_OUT.intersection(parts) or in_an_environment or "__pycache__" in parts:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member if member.isfile() or member.isdir() or member.islnk() else None


def until(holds: Callable[[], Any], what: str, seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
