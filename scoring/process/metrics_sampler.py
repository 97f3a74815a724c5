"""Samples processor time and memory, cuts telemetry windows and hands them to the pusher."""

import time
from collections.abc import Callable

from scoring.core.log import log
from scoring.core.logfile import trim
from scoring.core.settings import Replica
from scoring.counters.push import Pusher
from scoring.counters.spool import Spool
from scoring.counters.telemetry import CPU_MILLISECONDS, MEMORY, RESTARTS, CounterFile
from scoring.counters.windows import WindowCutter
from scoring.process.memory_monitor import MemoryMonitor
from scoring.process.process_usage import ProcessUsage

TRIM_SECONDS = 10.0
FLUSH_SECONDS = 1.0
DEFAULT_WINDOW_SECONDS = 5.0  # without telemetry /metrics still wants fresh figures


class MetricsSampler:
    """Does its periodic work in `run_due`, which is to be called often."""

    def __init__(self, replica: Replica, counters: CounterFile) -> None:
        self._replica = replica
        self._master = counters.region(0)
        self._cutter = WindowCutter(replica, counters)
        self._usage = ProcessUsage()
        self._previous_cpu = 0.0
        self.memory = MemoryMonitor(replica.run.memory_bytes, self._usage)
        telemetry = replica.run.telemetry
        self._seconds = telemetry.seconds if telemetry else DEFAULT_WINDOW_SECONDS
        self._spool = Spool(replica.folder / "spool") if telemetry else None
        self._pusher = Pusher(self._spool, telemetry) if telemetry and telemetry.url and self._spool else None
        if self._pusher:
            self._pusher.start()
        now = time.monotonic()
        self._window_started = now
        self._due_at = {"memory": now, "window": now + self._seconds, "trim": now + TRIM_SECONDS}

    @property
    def seconds_until_due(self) -> float:
        """Until something is due."""
        return max(min(self._due_at.values()) - time.monotonic(), 0.0)

    def run_due(self, pids: list[int]) -> None:
        """Look at memory, cut and trim what is due; `pids` are the workers."""
        if time.monotonic() >= self._due_at["memory"]:
            self._due_at["memory"] = time.monotonic() + self.memory.sample(pids)
        if self._is_due("window", self._seconds):
            self._log_disk_errors(self._cut_window)
        if self._is_due("trim", TRIM_SECONDS):
            self._log_disk_errors(lambda: trim(self._replica.folder))

    def count_restart(self) -> None:
        """A process has been replaced."""
        self._master[RESTARTS] += 1

    def close(self) -> None:
        """Cut the last window and let the pusher try to send it."""
        self._log_disk_errors(self._cut_window)
        if self._pusher:
            self._pusher.flush(FLUSH_SECONDS)

    def _log_disk_errors(self, step: Callable[[], None]) -> None:
        """A full disk may cost figures, but must not end what serves."""
        try:
            step()
        except OSError as reason:
            log(f"the server's figures cannot be kept now: {reason}", "E")

    def _is_due(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._due_at[what]:
            return False
        self._due_at[what] = max(self._due_at[what] + every, now + every / 2)
        return True

    def _cut_window(self) -> None:
        now = time.monotonic()
        cpu = self._usage.measure_cpu()
        memory = self._usage.proportional()
        window = self._cutter.cut((cpu - self._previous_cpu) / max(now - self._window_started, 0.001), memory)
        self._previous_cpu, self._window_started = cpu, now
        self._master[MEMORY] = memory
        self._master[CPU_MILLISECONDS] = int(cpu * 1000)
        if self._spool:
            self._spool.add(window)
        if self._pusher:
            self._pusher.wake()
