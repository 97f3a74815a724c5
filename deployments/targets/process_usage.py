"""What a tree of processes of this machine uses, as its kernel tells it."""

from contextlib import suppress
from pathlib import Path

import psutil

from deployments.targets.base import Usage

KIB = 1024


def usage_of(number: int, root: int) -> Usage | None:
    """Of replica `number`, whose processes descend from process `root`; None where that has ended.

    Memory is proportional: what processes share counts once. The peak adds by how much each process' resident memory
    was higher at its own highest (VmHWM), which a look each second would miss.
    """
    try:
        first = psutil.Process(root)
        processes = [first, *first.children(recursive=True)]
    except psutil.Error:
        return None
    cpu, memory, above, threads, waited = 0.0, 0, 0, 0, 0.0
    for process in processes:
        with suppress(psutil.Error, OSError, ValueError):  # it has ended meanwhile
            times = process.cpu_times()
            cpu += times.user + times.system + times.children_user + times.children_system
            told = _numbers(Path(f"/proc/{process.pid}/status"))
            resident = told.get("VmRSS", 0)
            memory += _numbers(Path(f"/proc/{process.pid}/smaps_rollup")).get("Pss", resident)
            above += max(told.get("VmHWM", 0) - resident, 0)
            threads += told.get("Threads", 0) // KIB
            waited += _waited(process.pid)
    numbers = tuple(process.pid for process in processes)
    return Usage(number, cpu, memory, memory + above, threads, waited, numbers)


def _numbers(path: Path) -> dict[str, int]:
    """`Name: 12 kB` of a file below /proc, by name, in bytes."""
    found = {}
    for line in path.read_text().splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdecimal():
            found[name] = int(words[0]) * KIB
    return found


def _waited(pid: int) -> float:
    """Seconds that its threads were runnable and not run: the second number of schedstat, in nanoseconds."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError, ValueError, IndexError):  # the thread has ended meanwhile
            total += int(path.read_text().split()[1])
    return total / 1e9
