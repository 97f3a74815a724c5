"""What keeps a worker within its bounds: cores, threads, memory, and the life of its master."""

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Mapping

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
HEADROOM = 256 * 1024 * 1024  # reserved yet untouched memory (thread stacks, pools) that the data limit must not refuse
OWN_FILES = 256  # of the script and its libraries
PR_SET_PDEATHSIG = 1


def thread_variables(environment: Mapping[str, str], threads: int) -> dict[str, str]:
    """The variables that number-crunching libraries read, where the deployment has not set them itself."""
    return {name: str(threads) for name in THREAD_VARIABLES if name not in environment}


def stay_on(cores: list[int]) -> None:
    """Bind this process to its cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def refuse_memory_above(limit: int | None, *, headroom: int = HEADROOM) -> None:
    """Make an allocation beyond the limit fail as MemoryError, instead of the whole machine running out.

    A back-stop for a single huge allocation; the master watches what is really resident.
    """
    if limit and sys.platform == "linux":
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (limit + headroom, hard))


def allow_connections(count: int) -> None:
    """Raise the number of files this process may have open, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * count + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def die_with_master(lifeline: int) -> None:
    """End this process the moment the master is gone, even while the script holds the interpreter.

    `lifeline` is the reading end of a pipe whose writing end only the master has.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def wait() -> None:
        os.read(lifeline, 1)
        os._exit(1)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
