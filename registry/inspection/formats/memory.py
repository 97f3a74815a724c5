"""How much memory the inspection program may still take."""

import resource
from pathlib import Path


def free_bytes() -> float:
    """Bytes of address space below this process's limit; infinity where there is none."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return float("inf")
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:  # no Linux
        return limit
    return limit - pages * resource.getpagesize()
