"""Children that end with their parent, however it ended."""

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
# Loaded at import: between fork and exec only the call itself is safe.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; where the kernel cannot, watch the parent.

    `parent` is the process id that the parent had before the fork: the kernel does not report one that ended before
    this call. Safe between fork and exec on Linux. Elsewhere call it from the child's own main module.
    """
    if _libc is None:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def die_with_supervisor(parent: int) -> None:
    """`die_with_parent`, in programs that `manage.py up` started and nowhere else."""
    if os.environ.get("SLIPWAY_SUPERVISED"):
        die_with_parent(parent)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
