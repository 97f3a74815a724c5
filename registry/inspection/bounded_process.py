"""Run one of our own programs on untrusted files, in a room of its own (`room.py`) and for a limited time.

The program itself lowers its memory and processor limits first thing (registry.inspection.inspect_file does), so that
nothing runs between fork and exec here. Time is held by us.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Self

from registry.errors import WallsMissing
from registry.inspection.room import Room, end, start
from studio.sandbox.plan import interpreter_folders

NOT_STARTED = frozenset({125, 126, 127})  # exit codes of the keeper
BUBBLEWRAP_COMPLAINS = b"bwrap: "
SIGNALS = 128  # and of a program that a signal has ended: the signal's number beyond that
ERRORS_KEPT = 4000  # characters of what the program printed to stderr


@dataclass(frozen=True)
class ProcessResult:
    """How it went. `code` is the exit status, negative for a signal, None when the time was up."""

    code: int | None
    output: bytes
    errors: str

    @classmethod
    def of(cls, code: int | None, output: IO[bytes], errors: IO[bytes]) -> Self:
        """With what it printed into these files."""
        return cls(code, _read(output.fileno()), _read(errors.fileno())[-ERRORS_KEPT:].decode(errors="replace"))


def run_bounded(program: Path, arguments: list[str], *, folder: Path, seconds: float, room: Room) -> ProcessResult:
    """Run a Python file of ours in `folder` for at most `seconds`, without network where the system allows."""
    reads = (*room.reads, *interpreter_folders(Path(sys.executable)), program)
    command = [sys.executable, "-I", "-B", str(program), *arguments]
    with captured() as (output, errors):
        process = start(command, folder, replace(room, reads=reads), output=output.fileno(), errors=errors.fileno())
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            end(process)
        return ProcessResult.of(_code_of(code, errors), output, errors)


def _code_of(code: int | None, errors: IO[bytes]) -> int | None:
    """As `subprocess` has it: the keeper, as a shell, gives 128 and the number of a signal."""
    printed = _read(errors.fileno()) if code else b""
    if code in NOT_STARTED or printed.startswith(BUBBLEWRAP_COMPLAINS):
        why = printed.decode(errors="replace").strip()
        raise WallsMissing(f"A program could not be started behind walls: {why[-ERRORS_KEPT:]}")
    return SIGNALS - code if code is not None and code > SIGNALS else code


@contextmanager
def captured() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Files for standard output and errors: their size is held by the program's own limit, and no pipe can fill up."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        yield output, errors


def _read(handle: int) -> bytes:
    os.lseek(handle, 0, os.SEEK_SET)
    with os.fdopen(os.dup(handle), "rb") as whole:
        return whole.read()
