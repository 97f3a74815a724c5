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
