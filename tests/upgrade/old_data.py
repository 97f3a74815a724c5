"""The data folder of version 0.1.0 from the archive beside this file, as if its studio had stopped a moment ago here.

    old = OldData(tmp_path / "data", studio_port=8000)
    old.record["rest"]["services/scale"]   # what the old studio answered
    old.start_service("scale")             # a process as the old studio left it running

`make_fixture.py` made the archive. What the move to another place, time and machine changes is rewritten in the old
build's own tables and files, which never change any more: paths, ports, times and interpreters.
"""

import fcntl
import json
import os
import random
import re
import socket
import sqlite3
import subprocess
import sys
import tarfile
import time
import venv
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from tests.server_packages import copy_server_packages
from tests.stack import wait_for

ARCHIVE = Path(__file__).parent / "data-0.1.0.tar.xz"
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z?)")
DAY = 86_400


class OldData:
    """`folder` is the data folder, `record` what its users were shown, moved here and to now as the folder is."""

    def __init__(self, folder: Path, studio_port: int) -> None:
        self.folder = folder
        written = self._unpack()
        raw = json.loads(written)
        self._made_at, self._old_place, self._old_python = raw["made_at"], raw["data"], raw["python"]
        self._later = round(time.time() - self._made_at)  # whole seconds, so that equal times stay equal
        with sqlite3.connect(folder / "slipway.sqlite3") as database:
            held = [number for (number,) in database.execute("SELECT number FROM deployments_port")]
            self._ports = dict(zip(held, unused_ports(len(held)), strict=True)) | {raw["port"]: studio_port}
            self._move_rows(database)
        self.record = self._moved(json.loads(self._with_new_ports(written)))
        for file in folder.glob("services/*/*.json"):
            file.write_text(json.dumps(self._moved(json.loads(self._here(self._with_new_ports(file.read_text()))))))
        for place in folder.glob("environments/*/"):
            make_environment(place)
        for path in folder.rglob("*"):
            os.utime(path, follow_symlinks=False)

    # --- services that run on

    def start_service(self, name: str) -> int:
        """Start it word for word as the old build did, with the old build's own server; the server's process id.

        The result is what a studio leaves that has stopped: nobody's child, with its lock held in its run folder.
        """
        started = json.loads(self._here(json.dumps(self.record["started"][name])))
        folder = self.run_folder(name)
        for of_the_last_run in ("status.json", "group", "exit"):
            (folder / of_the_last_run).unlink(missing_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with (folder / "server.log").open("ab") as log:
                subprocess.run(
                    started["command"],
                    cwd=folder,
                    env=started["environment"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=[lock],
                    check=True,
                )
        finally:
            os.close(lock)  # the service keeps it
        ready = wait_for(lambda: self._status(name), 60, f"{name} of the old build is ready")
        return int(ready["pid"])

    def run_folder(self, name: str) -> Path:
        return self.folder / "services" / self.record["started"][name]["folder"]

    def _status(self, name: str) -> dict[str, Any] | None:
        """The server's own report, once it says that it is ready."""
        file = self.run_folder(name) / "status.json"
        status = json.loads(file.read_text()) if file.exists() else {}
        assert status.get("state") != "failed", status
        return status if status.get("state") == "ready" else None

    # --- moving the archive here

    def _unpack(self) -> str:
        with tarfile.open(ARCHIVE) as packed:
            packed.extraction_filter = getattr(tarfile, "data_filter", None)  # not in every Python 3.11
            for member in packed.getmembers():
                if member.name.startswith("data/"):
                    member.name = member.name.removeprefix("data/")
                    member.linkname = member.linkname.removeprefix("data/")
                    packed.extract(member, self.folder)
            record = packed.extractfile("record.json")
            assert record is not None
            return record.read().decode()

    def _move_rows(self, database: sqlite3.Connection) -> None:
        for old, new in self._ports.items():
            database.execute("UPDATE deployments_port SET number = ? WHERE number = ?", (new, old))
            for column in ("port", "grpc_port"):
                database.execute(f"UPDATE deployments_service SET {column} = ? WHERE {column} = ?", (new, old))
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for _, column, kind, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
                if kind == "datetime":
                    self._rewrite(database, table, column, self._text_later)
        self._rewrite(database, "deployments_service", "observed", self._observed)

    def _rewrite(self, database: sqlite3.Connection, table: str, column: str, change: Callable[[str], str]) -> None:
        for row, text in database.execute(f"SELECT rowid, {column} FROM {table}").fetchall():
            if text is not None:
                database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (change(text), row))

    def _observed(self, text: str) -> str:
        return json.dumps(self._moved(json.loads(self._with_new_ports(text))))

    def _moved(self, value: Any) -> Any:
        """The value with every time in it moved on: texts as REST has them, and epoch seconds."""
        if isinstance(value, dict):
            return {name: self._moved(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._moved(inner) for inner in value]
        if isinstance(value, str) and INSTANT.fullmatch(value):
            return self._text_later(value)
        if isinstance(value, float) and abs(value - self._made_at) < DAY:
            return value + self._later
        return value

    def _text_later(self, text: str) -> str:
        moved = datetime.fromisoformat(text) + timedelta(seconds=self._later)
        return moved.isoformat(text[10]).replace("+00:00", "Z") if text[10:11] == "T" else str(moved)

    def _with_new_ports(self, text: str) -> str:
        for old, new in self._ports.items():
            text = re.sub(rf'(127\.0\.0\.1:){old}(?=[/"])', rf"\g<1>{new}", text)
            text = re.sub(rf'("(?:grpc_)?port": ?){old}\b', rf"\g<1>{new}", text)
        return text

    def _here(self, text: str) -> str:
        text = text.replace(self._old_place, str(self.folder)).replace(self._old_python, sys.executable)
        return text.replace(str(Path(self._old_python).parent), str(Path(sys.executable).parent))


def unused_ports(count: int) -> list[int]:
    """Ports that neither a studio of the tests nor the system gives to anybody, and that are free now."""
    found: list[int] = []
    for port in random.sample(range(31_100, 32_700), 200):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found[:count]


def make_environment(place: Path) -> None:
    """A virtual environment where the old build had one, with what servers need: the archive has none."""
    venv.create(place, symlinks=True)
    [packages] = place.glob("lib/python*/site-packages")
    copy_server_packages(packages)


def servers_of_services(data: Path) -> set[int]:
    """Process ids of the scoring servers that run on the data folder, without the workers that they have forked."""
    found = {}
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            named = command[1:3] == ["-m", "scoring"] and any(str(data) in argument for argument in command)
            if named and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = process.ppid()
        except psutil.Error:
            continue
    return {pid for pid, parent in found.items() if parent not in found}
