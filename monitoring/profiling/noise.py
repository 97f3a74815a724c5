"""Whether the machine did something else while a repeat was measured, from the kernel's own counters.

Steal alone sees nothing of rivals on the same machine: with three spinning processes on two cores it stayed at zero
while p99 went from 2.0 to 9.5 ms. What shows them is how long measured processes waited for a core (the second number
of `schedstat`) and the CPU that others used. Where a process is held to a quota, waiting is what the quota does; its
throttled periods are told instead.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from monitoring.profiling.messages import Noise

WAITED, OTHERS, STEAL, THROTTLED = 0.02, 0.05, 0.01, 0.02  # shares above which a repeat must not be used
PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
RUNNABLE = 0.01  # share of a core: a thread that used less is none that wanted one


@dataclass(frozen=True)
class Reading:
    """Counters at a moment. Times are seconds; `threads`: (process, thread) to CPU and waiting time."""

    at: float
    threads: dict[tuple[int, int], tuple[float, float]]
    used: dict[int, float]  # CPU of the watched processes and of this one
    busy: float
    total: float
    steal: float
    periods: int
    throttled: int


def read(family: Iterable[int]) -> Reading:
    """What the counters say now of these processes, this process and the machine."""
    family = list(family)
    busy, total, steal = _machine()
    periods, throttled = _quota(family)
    return Reading(
        at=time.monotonic(),
        threads={key: one for process in family for key, one in _threads(process).items()},
        used={process: _cpu(process) for process in (*family, os.getpid())},
        busy=busy,
        total=total,
        steal=steal,
        periods=periods,
        throttled=throttled,
    )


def between(first: Reading, last: Reading) -> Noise:
    """The noise of the time between two readings."""
    wall = max(last.at - first.at, 1e-9)
    spans = [_span(first.threads.get(key, (0.0, 0.0)), now) for key, now in last.threads.items()]
    running = sum(1 for used, _ in spans if used > RUNNABLE * wall)
    own = sum(max(now - first.used.get(process, 0.0), 0.0) for process, now in last.used.items())
    total = max(last.total - first.total, 1e-9)
    periods = last.periods - first.periods
    noise = Noise(
        waited=round(sum(waited for _, waited in spans) / (wall * running), 4) if running else 0.0,
        throttled=round((last.throttled - first.throttled) / periods, 4) if periods > 0 else 0.0,
        others=round(max(last.busy - first.busy - own, 0.0) / total, 4),
        steal=round((last.steal - first.steal) / total, 4),
    )
    noise.reason = reason(noise, under_quota=periods > 0)
    return noise


def cores_used(first: Reading, last: Reading, processes: Iterable[int]) -> float:
    """Cores that processes used between two readings."""
    used = sum(max(last.used.get(one, 0.0) - first.used.get(one, 0.0), 0.0) for one in processes)
    return used / max(last.at - first.at, 1e-9)


def reason(noise: Noise, *, under_quota: bool = False) -> str:
    """Why a repeat with this noise must not be used; empty where it may."""
    if noise.steal > STEAL:
        return f"the host took {noise.steal:.1%} of the machine's CPU time"
    if noise.others > OTHERS:
        return f"other programs used {noise.others:.1%} of the machine's CPU"
    if not under_quota and noise.waited > WAITED:
        return f"the measured processes waited for a core {noise.waited:.1%} of the time"
    return ""


def _span(first: tuple[float, float], last: tuple[float, float]) -> tuple[float, float]:
    return last[0] - first[0], last[1] - first[1]


def family_of(watched: Iterable[int]) -> list[int]:
    """Processes with all that they have started; those that have ended are left out."""
    found: dict[int, None] = {}
    for process in watched:
        try:
            known = psutil.Process(process)
            found.update(dict.fromkeys([process, *(child.pid for child in known.children(recursive=True))]))
        except (psutil.Error, ValueError, OverflowError):  # the latter two: it is no number of a process
            continue
    return list(found)


def _threads(process: int) -> dict[tuple[int, int], tuple[float, float]]:
    """CPU and waiting time of each thread, in seconds."""
    threads: dict[tuple[int, int], tuple[float, float]] = {}
    try:
        for task in (PROC / str(process) / "task").iterdir():
            ran, waited, *_ = (task / "schedstat").read_text().split()
            threads[process, int(task.name)] = int(ran) / 1e9, int(waited) / 1e9
    except (OSError, ValueError):
        return threads
    return threads


def _cpu(process: int) -> float:
    try:
        times = psutil.Process(process).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _machine() -> tuple[float, float, float]:
    """Busy, total and stolen CPU time of all cores, in seconds."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # What guests of this machine use is in `user` already.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    steal = float(getattr(times, "steal", 0.0))
    return float(total - idle - steal), float(total), steal


def _quota(family: Iterable[int]) -> tuple[int, int]:
    """Periods and throttled periods of the processes' own control groups (version 2) that have a quota."""
    groups = {group for process in family if (group := _group(process))}
    periods = throttled = 0
    for group in groups:
        try:
            if (group / "cpu.max").read_text().startswith("max"):
                continue
            stat = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        periods += int(stat.get("nr_periods", 0))
        throttled += int(stat.get("nr_throttled", 0))
    return periods, throttled


def _group(process: int) -> Path | None:
    try:
        for line in (PROC / str(process) / "cgroup").read_text().splitlines():
            if line.startswith("0::/") and len(line) > len("0::/"):
                return Path("/sys/fs/cgroup", line.removeprefix("0::/"))
    except OSError:
        return None
    return None
