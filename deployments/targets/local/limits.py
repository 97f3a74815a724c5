"""Pure: the kernel's limits for the processes of a service. They are hard ones, which no script raises.

Memory is none of them: what is reserved is no measure of what is used, so the scoring server watches that itself
(`scoring.process.memory_monitor`), over all processes that a script starts.
"""

import os

from studio.sandbox.plan import NO_CORE_FILE

FILE_BYTES = 32 * 1024**3  # a log or a loop that has gone wild ends there, before the disk is full
OPEN_FILES = 2 * 65_536 + 1024  # what the largest `connections_limit` needs
TASKS, TASKS_PER_CORE = 1024, 64  # processes and threads; numeric libraries start some for each core


def service_limits(*, has_own_user: bool, cores: int = os.cpu_count() or 1) -> tuple[tuple[str, int], ...]:
    """Names of RLIMIT_* and values. The kernel counts tasks by user, so that they are limited only where a service has
    a user of its own."""
    limits = (NO_CORE_FILE, ("FSIZE", FILE_BYTES), ("NOFILE", OPEN_FILES))
    return (*limits, ("NPROC", TASKS + TASKS_PER_CORE * cores)) if has_own_user else limits
