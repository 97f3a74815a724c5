"""What must not be so before a start: a second studio on the same data, a taken port, leftovers."""

import fcntl
import json
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from studio.backup.restore_mark import MARK
from studio.core.errors import Conflict


def lock(data: Path, holder: str) -> IO[str]:
    """Hold `data` while the returned file is open; the kernel lets go when the process ends, however it ends.

    Raises Conflict, naming the holder, when another studio has it.
    """
    path = data / "up.lock"
    handle = path.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as reason:
        handle.seek(0)
        raise Conflict(
            f"Slipway already runs on the data folder {data} ({handle.read().strip() or 'starting'}).",
            hint="Stop it first, or set SLIPWAY_DATA to another folder.",
        ) from reason
    handle.truncate(0)
    handle.write(holder)
    handle.flush()
    return handle


def check_private(data: Path) -> None:
    """Raises Conflict for a data folder that other users of the machine can read or write.

    It holds the keys. The right to pass through, which services under users of their own need, is no harm.
    """
    mode = data.stat().st_mode & 0o777
    if mode & 0o066:
        raise Conflict(
            f"Other users of this machine can look into the data folder {data} (its mode is {mode:04o}).",
            hint=f"Close it: chmod 700 {data}",
        )


def check_restored(data: Path) -> None:
    """Raises Conflict while a restore has not come to its end."""
    if (data / MARK).exists():
        raise Conflict(
            f"The restore of a backup into {data} was interrupted.",
            hint="Run slipway admin restore again; it goes on where it stopped.",
        )


def check_port(host: str, port: int) -> None:
    """Raises Conflict when nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as reason:
            raise Conflict(
                f"Port {port} on {host} cannot be used: {reason.strerror}.",
                hint="Stop what listens there, or choose another port: SLIPWAY_PORT=8001 make run",
            ) from reason


def kill_leftovers(data: Path) -> None:
    """End programs that an earlier, killed supervisor left behind (where the kernel did not do it)."""
    path = data / "run" / "pids.json"
    if not path.exists():
        return
    with suppress(ValueError):
        for name, pid in json.loads(path.read_text()).items():
            if name != "up":
                _end(pid, written=path.stat().st_mtime)
    path.unlink()


def _end(pid: int, *, written: float) -> None:
    """Kill the group of `pid`, unless the process id has been reused since it was `written` down."""
    with suppress(psutil.Error, ProcessLookupError, PermissionError):
        if psutil.Process(pid).create_time() <= written and os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
