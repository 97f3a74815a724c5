"""What the master checks of its workers: that they keep to the memory limit, and that none of them hangs."""

import time
from collections.abc import Sequence

from scoring.contract import Failure, RunSettings
from scoring.core.errors import StartFailure
from scoring.core.log import log
from scoring.core.settings import Replica
from scoring.counters.telemetry import HEARTBEAT, CounterFile
from scoring.process import process_tree
from scoring.process.child import Child
from scoring.process.memory_monitor import MemoryMonitor
from scoring.process.stack_dumps import dump_stacks

HANG_SECONDS = 3.0  # beyond the scoring timeout, after which a process that hangs is replaced
MIB = 2**20


def check_memory(memory: MemoryMonitor, run: RunSettings, children: Sequence[Child], *, ready: bool) -> None:
    """Above the limit the largest worker is killed with all that it has started.

    StartFailure(out_of_memory) where the service was never ready: then all of them have to end.
    """
    if run.memory_bytes is None or memory.used <= run.memory_bytes:
        return
    sizes = memory.by_subtree([child.pid for child in children])
    listed = ", ".join(f"process {pid}: {size // MIB} MiB" for pid, size in sizes.items())
    message = f"The processes use {memory.used // MIB} MiB, the service may use {run.memory_bytes // MIB} MiB."
    if not ready or not sizes:
        raise StartFailure("out_of_memory", message, listed)
    largest = max(sizes, key=lambda pid: sizes[pid])
    log(f"out_of_memory: {message} The largest is ended ({listed}).", "E")
    process_tree.kill(memory.subtree(largest))
    for child in children:
        if child.pid == largest:
            child.failure = Failure("out_of_memory", message, listed)
            child.kill("since the service used too much memory")
    memory.used = 0


def check_heartbeats(counters: CounterFile, replica: Replica, children: Sequence[Child]) -> None:
    """Kill workers whose event loop has been blocked for longer than any run may take."""
    now, run = time.monotonic(), replica.run
    for child in children:
        heartbeat = counters.region(child.slot + 1)[HEARTBEAT] / 1000
        last = max(heartbeat, child.ready_at) if child.ready_at is not None else child.started_at
        limit = run.scoring_timeout_seconds + HANG_SECONDS if child.ready else run.start_deadline_seconds
        if now - last > limit:
            stacks = dump_stacks(replica.folder, [child])
            log(f"process {child.pid} has hung for {limit:g} s and is killed. Its stacks:\n{stacks}", "E")
            child.kill("since it hung")
