"""The processes below the master: its workers, and whatever a script has started.

As the subreaper of all of them the master becomes the parent of those that detach, so none leaves the tree.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection

PR_SET_CHILD_SUBREAPER = 36
ROUNDS, ROUND_SECONDS = 20, 0.05  # of ending processes that may start others meanwhile
LISTED = os.path.exists("/proc/thread-self/children")  # whether the kernel lists the children of each thread


def adopt_orphans() -> None:
    """Become the parent of every process below this one that loses its own (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def branches(workers: Collection[int]) -> dict[int, list[int]]:
    """The processes below this one, by the child that they descend from: {child: [child, its descendants]}.

    Children that are no `workers` and have ended are reaped, for nobody else waits for them.
    """
    return {
        child: _with_descendants(child) for child in _children_of(os.getpid()) if child in workers or not _reaped(child)
    }


def end_strays() -> None:
    """SIGKILL to all that is left below this process, once its workers are gone."""
    for _ in range(ROUNDS):
        strays = [pid for pids in branches(()).values() for pid in pids]
        if not strays:
            return
        _kill(strays)
        time.sleep(ROUND_SECONDS)


def end(pids: Collection[int]) -> None:
    """SIGKILL to each, and a moment for the kernel to take their memory back."""
    _kill(pids)
    for _ in range(ROUNDS):
        if not any(_holds_memory(pid) for pid in pids):
            return
        time.sleep(ROUND_SECONDS)


def _kill(pids: Collection[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _holds_memory(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return not file.read().startswith(b"0 ")
    except OSError:
        return False


def _with_descendants(pid: int) -> list[int]:
    found = [pid]
    for one in found:  # grows while it is gone through
        found += _children_of(one)
    return found


def _children_of(pid: int) -> list[int]:
    if not LISTED:
        return _search_children(pid)
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def _search_children(pid: int) -> list[int]:
    """Among all processes of the machine, which takes far longer."""
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True
