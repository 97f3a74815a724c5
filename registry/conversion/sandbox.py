"""Run the program of `inside/` behind the walls of this machine, follow what it tells, and end it in time.

What it tells and what it writes is other people's: texts are read with a limit, files only as plain files of its own.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

import msgspec
from django.conf import settings

from registry.errors import WallsMissing
from registry.inspection.bounded_process import BUBBLEWRAP_COMPLAINS, NOT_STARTED, SIGNALS
from registry.inspection.room import Room, end, start
from studio.core.storable import storable
from studio.sandbox.plan import interpreter_folders
from studio.sandbox.readable import let_read

PROGRAM = Path(__file__).parent / "inside" / "convert_file.py"
CODE = (PROGRAM.parents[2] / "__init__.py", PROGRAM.parents[1] / "__init__.py", PROGRAM.parent)
LOOK_SECONDS = 0.25
MOST_TOLD = 4 * 1024 * 1024  # bytes of what it tells
ERRORS_KEPT = 4000  # bytes of what libraries printed
Told = dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """`code` is the exit status, negative for a signal, None when the time was up."""

    code: int | None
    told: list[Told]
    errors: str


def run_program(
    task: Path, python: Path, room: Room, *, until: float, on_told: Callable[[Told], None], check: Callable[[], None]
) -> Ended:
    """Until it ends or `until` (monotonic) has come. `check` is called all the time and may raise; then it is ended."""
    reads = (*room.reads, *interpreter_folders(python), *CODE)
    if room.walls().changes_user:
        for path in interpreter_folders(python):
            if path.is_relative_to(settings.DATA_DIR):  # what is built there is closed to other users
                let_read(path)
    command = [str(python), "-I", "-B", str(PROGRAM), str(task)]
    with TemporaryFile() as output, TemporaryFile() as errors:
        reader = _Reader(output)
        process = start(
            command, room.folder, Room(room.folder, reads, room.walls), output=output.fileno(), errors=errors.fileno()
        )
        try:
            code: int | None = None
            while (code := process.poll()) is None and time.monotonic() < until:
                time.sleep(LOOK_SECONDS)
                check()
                for told in reader.fresh():
                    on_told(told)
        finally:
            end(process)
        for told in reader.fresh():
            on_told(told)
        printed = _tail(errors)
    return Ended(_code_of(code, printed), reader.told, printed.decode(errors="replace"))


class _Reader:
    """Whole lines of a growing file, each once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._at, self.told = file, 0, list[Told]()

    def fresh(self) -> Iterator[Told]:
        if self._at >= MOST_TOLD:
            return
        piece = os.pread(self._file.fileno(), MOST_TOLD - self._at, self._at)
        whole = piece[: piece.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.splitlines():
            try:
                told = storable(msgspec.json.decode(line, type=dict[str, Any]))
            except (msgspec.DecodeError, RecursionError):
                continue
            self.told.append(told)
            yield told


def _tail(file: IO[bytes]) -> bytes:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), ERRORS_KEPT, max(0, size - ERRORS_KEPT))


def _code_of(code: int | None, printed: bytes) -> int | None:
    """As `subprocess` has it: the keeper, as a shell, gives 128 and the number of a signal."""
    if code in NOT_STARTED or (code and printed.startswith(BUBBLEWRAP_COMPLAINS)):
        raise WallsMissing(f"A program could not be started behind walls: {printed.decode(errors='replace').strip()}")
    return SIGNALS - code if code is not None and code > SIGNALS else code


@contextmanager
def written_file(folder: Path, name: str) -> Iterator[BinaryIO]:
    """A file that the program has written, open for reading. Raises OSError for a link, and whatever is no plain file:
    the program may have put anything there."""
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inside)
    finally:
        os.close(inside)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise OSError(f"{name} is no plain file")
        yield file
