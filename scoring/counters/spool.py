"""Windows that the studio has not yet confirmed, one small file each; the oldest go when there are too many."""

import os
from collections import deque
from pathlib import Path
from typing import NamedTuple

import msgspec

from scoring.contract import Window
from scoring.core.log import log

MAX_WINDOWS = 17_280  # a day of windows of five seconds
MAX_HELD_WINDOWS = 720  # windows in memory, an hour of them, while the disk is full


class SpooledWindow(NamedTuple):
    """A window as it lies in the spool: its JSON, which a server of another version may have written."""

    sequence: int
    body: msgspec.Raw


class Spool:
    """A folder of windows, in order."""

    def __init__(self, folder: Path, limit: int = MAX_WINDOWS) -> None:
        self._folder = folder
        self._limit = limit
        self._held: deque[Window] = deque(maxlen=MAX_HELD_WINDOWS)
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, window: Window) -> None:
        """Keep a window until `drop`; what cannot be written now raises OSError, and is with the next one."""
        self._held.append(window)
        while self._held:
            self._write(self._held[0])
            self._held.popleft()
        names = self._names()
        if len(names) > self._limit:
            log(f"the studio has been away for long: {len(names) - self._limit} telemetry windows are dropped", "W")
            self.drop([int(name[:16]) for name in names[: len(names) - self._limit]])

    def oldest(self, count: int) -> list[SpooledWindow]:
        """Up to `count` windows, the oldest first; what cannot be read is thrown away."""
        windows = []
        for name in self._names()[:count]:
            try:
                body = (self._folder / name).read_bytes()
                msgspec.json.decode(body, type=dict)
                windows.append(SpooledWindow(int(name[:16]), msgspec.Raw(body)))
            except FileNotFoundError:
                continue  # dropped since, to make room
            except msgspec.DecodeError:
                (self._folder / name).unlink(missing_ok=True)
        return windows

    def drop(self, sequences: list[int]) -> None:
        """These have arrived."""
        for sequence in sequences:
            (self._folder / f"{sequence:016d}.json").unlink(missing_ok=True)

    def _write(self, window: Window) -> None:
        scratch = self._folder / "window.new"
        scratch.write_bytes(msgspec.json.encode(window))
        os.replace(scratch, self._folder / f"{window.sequence:016d}.json")

    def _names(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self._folder) if entry.name.endswith(".json"))
