"""The files of collected data: one that is being written by each process, and complete ones that never change."""

import os
import time
from pathlib import Path

from scoring.contract import Collect
from scoring.core.log import log

MAX_FILE_BYTES = 16 * 1024 * 1024
OPEN, COMPLETE = ".part", ".jsonl"


class CollectedFiles:
    """Files of one process. Rows that cannot be written are dropped and logged once; other failures raise OSError.

    All processes together keep to `max_bytes`: a quarter of it is for the files that are being written.
    """

    def __init__(self, folder: Path, slot: int, settings: Collect, processes: int) -> None:
        self._folder = folder
        self._slot = slot
        self._seconds = settings.seconds
        self._max_bytes = settings.max_bytes * 3 // 4  # bytes of complete files
        self._max_file_bytes = min(MAX_FILE_BYTES, settings.max_bytes // (4 * processes))
        self._path = folder / f"open-{slot}{OPEN}"
        self._size = self._sequence = 0
        self._opened_at = 0.0  # monotonic seconds
        self._file: int | None = None
        self._is_failing = False
        self._processes = processes

    def recover(self) -> None:
        """Complete what a process that was killed has left: all rows but one that was not written to its end.

        The first process also looks after those that are no longer started.
        """
        for path in self._folder.glob(f"open-*{OPEN}"):
            slot = int(path.stem.partition("-")[2])
            if slot != self._slot and (self._slot or slot < self._processes):
                continue
            whole = path.read_bytes().rfind(b"\n") + 1
            if whole:
                os.truncate(path, whole)
                _rename_complete(path, slot, 0)
            else:
                path.unlink()

    def append(self, lines: list[bytes]) -> int:
        """Write rows; how many of them were written."""
        written = 0
        for line in lines:
            if self._size and self._size + len(line) > self._max_file_bytes:
                self.complete()
            written += len(line) <= self._max_file_bytes and self._write(line)
        return written

    def complete_if_old(self) -> None:
        """Complete a file that is old enough."""
        if self._size and time.monotonic() - self._opened_at >= self._seconds:
            self.complete()

    def complete(self) -> None:
        """Give the file its final name, and make room for the next."""
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        if self._size:
            self._sequence += 1
            self._size = 0
            _rename_complete(self._path, self._slot, self._sequence)
            self._delete_oldest()

    # -- the disk

    def _write(self, line: bytes) -> bool:
        try:
            if self._file is None:
                self._folder.mkdir(exist_ok=True)
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o640)
                self._opened_at = time.monotonic()
            if os.write(self._file, line) != len(line):
                raise OSError("it could only be written in part")
        except OSError as error:
            self._roll_back(error)
            return False
        self._size += len(line)
        self._is_failing = False
        return True

    def _roll_back(self, error: OSError) -> None:
        """Leave no broken row behind, and tell once what happened."""
        if self._file is not None:
            os.ftruncate(self._file, self._size)
        if not self._is_failing:
            log(f"collected data cannot be written, rows are dropped: {error}", "W")
        self._is_failing = True

    def _delete_oldest(self) -> None:
        """The oldest files go where there are too many bytes; other processes may do the same at the same time."""
        names = sorted((path for path in self._folder.iterdir() if path.suffix == COMPLETE), reverse=True)
        total = 0
        for path in names:
            try:
                total += path.stat().st_size
                if total > self._max_bytes:
                    path.unlink()
            except FileNotFoundError:
                continue


def _rename_complete(path: Path, slot: int, number: int) -> None:
    now = time.time()
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    os.replace(path, path.with_name(f"{moment}.{int(now % 1 * 1000):03}Z-{slot}-{os.getpid()}-{number:06}{COMPLETE}"))
