"""Start, recognise and end the processes of an instance.

The keeper (`studio.sandbox.keeper`) of an instance holds a locked file as long as it lives, and it lives until nothing
is left of what it has started. The kernel drops the lock when it is gone, so whether an instance lives is never guessed
from a number, two starts can never both live, and a worker killed at any line leaves nothing wrong behind. Only the
keeper is ever sent a signal: its number is its own as long as it holds the lock.
"""

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import psutil

from deployments.targets.local.run_folder import RunFolder
from deployments.targets.untrusted_files import read_struct
from studio.sandbox.levels import Walls
from studio.sandbox.plan import Plan
from studio.sandbox.request import KEEPER, Keeping, keeper_command, request


class Processes(msgspec.Struct):
    """`processes.json`: as the host numbers them; `program` is the server, None where its walls could not be built."""

    keeper: int
    program: int | None = None


@contextmanager
def locked(folder: RunFolder) -> Iterator[int | None]:
    """Hold the instance's lock; gives its descriptor, or None when the instance lives or somebody else is at it."""
    folder.control.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        mine = _flock(descriptor, fcntl.LOCK_EX) and _is_at(folder.lock, descriptor)
        yield descriptor if mine else None
    finally:
        os.close(descriptor)  # what inherited it keeps the lock


def is_held(folder: RunFolder) -> bool:
    """Whether the instance lives."""
    try:
        descriptor = os.open(folder.lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def spawn(folder: RunFolder, plan: Plan, walls: Walls, lock: int) -> None:
    """Start what is planned under a keeper that holds `lock`; returns once it has begun, in some ten milliseconds."""
    keeping = Keeping(
        detached=True,
        processes=folder.processes,
        exit=folder.exit,
        begun=folder.status,
        log=folder.log,
        held=(lock,),
    )
    with folder.log.open("ab") as log:
        subprocess.run(
            keeper_command(str(folder.path)),
            input=request(plan, walls, keeping),
            cwd="/",
            env={"LANG": "C.UTF-8"},
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[lock],
            check=True,
        )


def terminate(folder: RunFolder) -> None:
    """Have the server finish its requests and end."""
    _signal_keeper(folder, signal.SIGTERM)


def request_recheck(folder: RunFolder) -> None:
    """Have a server that has said who it is see at once whether it is to serve."""
    if os.path.lexists(folder.status):
        _signal_keeper(folder, signal.SIGHUP)


def kill(folder: RunFolder) -> None:
    """End all that lives of the instance, now."""
    _signal_keeper(folder, signal.SIGQUIT)


def program_of(folder: RunFolder) -> int | None:
    """The number of the server's process, while the replica lives."""
    known = read_struct(folder.processes, Processes) if is_held(folder) else None
    return known.program if known else None


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory since the machine started (Linux)."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _signal_keeper(folder: RunFolder, number: signal.Signals) -> None:
    """Its number cannot have gone to strangers while it holds the lock. One that somebody has stopped goes on."""
    if not is_held(folder):
        return
    known = read_struct(folder.processes, Processes)
    keeper = known.keeper if known else _holder(folder)
    if keeper is not None:
        with suppress(OSError):
            os.kill(keeper, number)
            os.kill(keeper, signal.SIGCONT)


def _holder(folder: RunFolder) -> int | None:
    """The keeper, where its own file is lost: the one that has the lock open."""
    for found in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended, or is somebody else's
            if str(KEEPER) in found.cmdline() and str(folder.lock) in {file.path for file in found.open_files()}:
                return int(found.pid)
    return None


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the file is still the one at the path: another driver may have moved or removed it meanwhile."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
