"""Run one of our own programs on untrusted files: own session, no network, limited resources.

The program itself lowers its memory and processor limits first thing (registry.inspection.inspect_file does), so that
nothing runs between fork and exec here. Time is held by us.
"""

import functools
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from scoring.opt_outs import OPT_OUTS
from studio.core.parent_death import die_with_parent_prefix

NO_NETWORK = (("unshare", "--net"), ("unshare", "--user", "--map-current-user", "--net"))
PROBE_SECONDS = 5
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


def run_bounded(program: Path, arguments: list[str], *, folder: Path, seconds: float) -> ProcessResult:
    """Run a Python file of ours in `folder` for at most `seconds`, without network where the system allows."""
    command = [*without_network(), *die_with_parent_prefix(), sys.executable, "-I", "-B", str(program), *arguments]
    with captured() as (output, errors):
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(str(folder)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        return ProcessResult.of(code, output, errors)


@contextmanager
def captured() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Files for standard output and errors: their size is held by the program's own limit, and no pipe can fill up."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        yield output, errors


def environment(folder: str) -> dict[str, str]:
    """Nothing of ours: no secrets, no addresses. One thread, so that memory is what the model needs."""
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    own = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": folder, "TMPDIR": folder}
    return own | threads | OPT_OUTS


@functools.cache
def without_network() -> tuple[str, ...]:
    """The prefix that takes the network away, if this system lets us; asked once a process."""
    for prefix in NO_NETWORK:
        try:
            probe = subprocess.run([*prefix, "true"], capture_output=True, timeout=PROBE_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if probe.returncode == 0:
            return prefix
    return ()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Whatever is left of the session goes, too."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    except PermissionError:  # macOS says so of a group that has just ended
        process.kill()
    process.wait()


def _read(handle: int) -> bytes:
    os.lseek(handle, 0, os.SEEK_SET)
    with os.fdopen(os.dup(handle), "rb") as whole:
        return whole.read()
