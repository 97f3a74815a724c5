"""Start, recognise and end the processes of a service.

Every process of a service inherits an open, locked file. The kernel drops the lock when the last of them is
gone, so whether a service lives is never guessed from a number, two starts can never both live, and a worker
killed at any line leaves nothing wrong behind.
"""

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from deployments.targets.local.run_folder import RunFolder
from scoring.contract import Status

# The outer shell leads a new session and ends at once, so that the service is nobody's child and survives the
# worker. The inner one stays to see how the server ends: only a parent learns that. It offers the service
# to the kernel before the studio when memory runs out.
KEEPER = """
ulimit -c 0
{ echo 500 > /proc/self/oom_score_adj; } 2>/dev/null
(
  "$@"
  echo $? > exit.new && mv exit.new exit
) &
echo $$ > group.new && mv group.new group
"""
CLOCK_SECONDS = 2.0  # how far two readings of one process's start may differ


@contextmanager
def locked(folder: RunFolder) -> Iterator[int | None]:
    """Hold the service's lock; gives its descriptor, or None when a process of the service (or a start) has it."""
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor if _flock(descriptor, fcntl.LOCK_EX) else None
    finally:
        os.close(descriptor)  # what inherited it keeps the lock


def is_held(folder: RunFolder) -> bool:
    """Whether a process of the service lives."""
    try:
        descriptor = os.open(folder.lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def spawn(folder: RunFolder, command: Sequence[str], environment: Mapping[str, str], lock: int) -> None:
    """Start `command` as a session of its own that holds `lock`; returns in milliseconds."""
    with folder.log.open("ab") as log:
        subprocess.run(
            ["/bin/sh", "-c", KEEPER, "slipway-service", *command],
            cwd=folder.path,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[lock],
            check=True,
        )


def is_alive(folder: RunFolder, status: Status) -> bool:
    """Whether the process that wrote this status still runs, asked while somebody holds the lock."""
    try:
        server = psutil.Process(status.pid)
        return _is_of(folder, status, server) and bool(server.status() != psutil.STATUS_ZOMBIE)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False


def terminate(folder: RunFolder, status: Status | None) -> None:
    """SIGTERM to the server, which lets requests finish; to the whole group while it has not said who it is."""
    if status and is_alive(folder, status):
        with suppress(ProcessLookupError):
            os.kill(status.pid, signal.SIGTERM)
    else:
        _signal_group(folder, signal.SIGTERM)


def request_recheck(folder: RunFolder, status: Status | None) -> None:
    """SIGHUP to a server that has said who it is, which lets it see at once whether it is to serve."""
    if status and is_alive(folder, status):
        with suppress(ProcessLookupError):
            os.kill(status.pid, signal.SIGHUP)


def kill(folder: RunFolder) -> None:
    """SIGKILL to the whole group, if a process of the service lives."""
    _signal_group(folder, signal.SIGKILL)


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory since the machine started (Linux)."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _is_of(folder: RunFolder, status: Status, server: psutil.Process) -> bool:
    """Its group tells, as the number of a group is not reused while a member of it lives. The time of its start
    tells only until somebody sets the clock, from which it is computed: it is asked where the group is not known."""
    group = _group(folder)
    if group is not None:
        return os.getpgid(server.pid) == group
    return bool(abs(server.create_time() - status.created) < CLOCK_SECONDS)


def _group(folder: RunFolder) -> int | None:
    with suppress(FileNotFoundError, ValueError):
        return int(folder.group.read_text())
    return None


def _signal_group(folder: RunFolder, number: signal.Signals) -> None:
    """The group's number cannot have been reused while a member of it holds the lock."""
    group = _group(folder)
    if group is not None and is_held(folder):
        with suppress(OSError):
            os.killpg(group, number)


def _flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
