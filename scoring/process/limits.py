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
ALLOCATION_MARGIN_BYTES = 16 * 1024**3  # beyond the limit: allocators reserve many times what they touch
SCRIPT_FILES = 256  # of the script and its libraries
PR_SET_PDEATHSIG = 1


def thread_variables(environment: Mapping[str, str], threads: int) -> dict[str, str]:
    """The variables that number-crunching libraries read, where the deployment has not set them itself."""
    return {name: str(threads) for name in THREAD_VARIABLES if name not in environment}


def pin_to_cores(cores: list[int]) -> None:
    """Bind this process to its cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def limit_allocations(limit: int | None) -> None:
    """Make a single absurd allocation fail as MemoryError at once.

    The limit itself is the master's to watch, by what is resident. This one is far above it, for it counts all that may
    be written to, touched or not; what a device's driver maps without access does not count.
    """
    if limit and sys.platform == "linux":
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        most = (
            limit + ALLOCATION_MARGIN_BYTES
            if hard == resource.RLIM_INFINITY
            else min(limit + ALLOCATION_MARGIN_BYTES, hard)
        )
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def raise_file_limit(count: int) -> None:
    """Raise the number of files this process may have open, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * count + SCRIPT_FILES
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
