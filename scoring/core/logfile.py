"""server.log: what the server and the script print, kept to a bounded size."""

import os
import shutil
import sys
from pathlib import Path

from scoring.core.log import log

NAME = "server.log"
MOST_BYTES = 64 * 1024 * 1024
TAIL_LINES = 60


def redirect(folder: Path) -> None:
    """From now on this process and those it starts print to server.log."""
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def trim(folder: Path, most: int = MOST_BYTES) -> None:
    """Move a log that has grown too large to server.log.1, and go on with an empty one."""
    path = folder / NAME
    if path.exists() and path.stat().st_size > most:
        before = folder / f"{NAME}.1"
        try:
            shutil.copyfile(path, before)
        except OSError:  # the disk is full: half a copy makes it no better
            before.unlink(missing_ok=True)
            raise
        os.truncate(path, 0)  # writers append, so they go on at the new end
        log("the log was full; what came before is in server.log.1")


def tail(folder: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of the log."""
    path = folder / NAME
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 16_384, 0))
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
