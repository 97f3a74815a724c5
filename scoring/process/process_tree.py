"""The process tree below the master: its workers, and all that a script has started.

The master is the subreaper of that tree: it becomes the parent of processes that detach, so that none escapes.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection

PR_SET_CHILD_SUBREAPER = 36
ROUNDS, ROUND_SECONDS = 20, 0.05  # killed processes may have started others in the meantime
HAS_CHILDREN_LISTS = os.path.exists("/proc/thread-self/children")  # of each thread; not in every kernel


def adopt_orphans() -> None:
    """Become the parent of every process below this one that loses its own (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def subtrees(workers: Collection[int]) -> dict[int, list[int]]:
    """The processes below this one, by the child that they descend from: {child: [child, its descendants]}.

    Children that are no `workers` and have ended are reaped, for nobody else waits for them.
    """
    return {
        child: _with_descendants(child) for child in _children_of(os.getpid()) if child in workers or not _reap(child)
    }


def kill_remaining() -> None:
    """SIGKILL to all that is left below this process, once its workers are gone."""
    for _ in range(ROUNDS):
        strays = [pid for pids in subtrees(()).values() for pid in pids]
        if not strays:
            return
        _send_kill(strays)
        time.sleep(ROUND_SECONDS)


def kill(pids: Collection[int]) -> None:
    """SIGKILL to each, then wait briefly until the kernel has freed their memory."""
    _send_kill(pids)
    for _ in range(ROUNDS):
        if not any(_holds_memory(pid) for pid in pids):
            return
        time.sleep(ROUND_SECONDS)


def _send_kill(pids: Collection[int]) -> None:
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
    pids = [pid]
    for one in pids:  # grows while it is gone through
        pids += _children_of(one)
    return pids


def _children_of(pid: int) -> list[int]:
    if not HAS_CHILDREN_LISTS:
        return _search_children(pid)
    pids: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                pids += map(int, file.read().split())
    return pids


def _search_children(pid: int) -> list[int]:
    """Among all processes of the machine, which takes far longer."""
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _reap(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True
