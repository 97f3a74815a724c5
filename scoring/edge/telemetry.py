"""Telemetry of this device's services until the studio has it: windows as files, within a bound of bytes."""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from scoring.edge.files import read_json

WINDOW = re.compile(r"[0-9]{16}\.json\Z")
MOST_AT_ONCE = 200
MOST_WINDOW_BYTES = 256 * 1024


class Buffer:
    """A folder with one for each service. The oldest windows go when there are more bytes than `most_bytes`."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def take(self, service: int, run: Path) -> None:
        """Move what a server has left. A name says when, and of which run: two servers may count at once."""
        target = self._folder / str(service)
        target.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            for entry in list(os.scandir(run / "work" / "spool")):
                if WINDOW.match(entry.name):
                    os.replace(entry.path, target / f"{entry.name[:16]}-{run.name}.json")

    def trim(self) -> None:
        """Back to the bound."""
        files = sorted(self._folder.glob("*/*.json"), key=lambda path: path.name)
        sizes = {path: path.stat().st_size for path in files}
        total = sum(sizes.values())
        for path in files:
            if total <= self._most:
                break
            path.unlink(missing_ok=True)
            total -= sizes[path]

    def services(self) -> list[int]:
        """Those with windows that wait."""
        found = [path for path in self._folder.iterdir() if path.name.isdecimal() and any(path.iterdir())]
        return [int(path.name) for path in found]

    def oldest(self, service: int) -> dict[Path, Any]:
        """The next windows to send, by their files. What cannot be read goes."""
        found: dict[Path, Any] = {}
        for path in sorted((self._folder / str(service)).glob("*.json"))[:MOST_AT_ONCE]:
            window = read_json(path) if path.stat().st_size <= MOST_WINDOW_BYTES else None
            if isinstance(window, dict):
                found[path] = window
            else:
                path.unlink(missing_ok=True)
        return found

    @staticmethod
    def forget(paths: list[Path]) -> None:
        """These have arrived."""
        for path in paths:
            path.unlink(missing_ok=True)

    def drop(self, service: int) -> None:
        """The studio does not take them."""
        self.forget(list((self._folder / str(service)).glob("*.json")))
