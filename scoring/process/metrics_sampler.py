"""The master's books: memory and processor time, cut into telemetry windows and handed to the pusher."""

import time
from collections.abc import Callable

from scoring.core.log import log
from scoring.core.logfile import trim
from scoring.core.settings import Replica
from scoring.counters.push import Pusher
from scoring.counters.spool import Spool
from scoring.counters.telemetry import CPU_MILLISECONDS, MEMORY, RESTARTS, CounterFile
from scoring.counters.windows import Cutter
from scoring.process.memory_watch import Memory
from scoring.process.process_usage import Usage

TRIM_SECONDS = 10.0
FINISH_SECONDS = 1.0
PLAIN_WINDOW_SECONDS = 5.0  # without telemetry /metrics still wants fresh figures


class Ledger:
    """Call `tick` often; it does what is due."""

    def __init__(self, replica: Replica, counters: CounterFile) -> None:
        self._replica = replica
        self._master = counters.region(0)
        self._cutter = Cutter(replica, counters)
        self._usage = Usage()
        self._cpu_before = 0.0
        self.memory = Memory(replica.run.memory_bytes, self._usage)
        telemetry = replica.run.telemetry
        self._seconds = telemetry.seconds if telemetry else PLAIN_WINDOW_SECONDS
        self._spool = Spool(replica.folder / "spool") if telemetry else None
        self._pusher = Pusher(self._spool, telemetry) if telemetry and self._spool else None
        if self._pusher:
            self._pusher.start()
        now = time.monotonic()
        self._window_began = now
        self._next = {"memory": now, "window": now + self._seconds, "trim": now + TRIM_SECONDS}

    @property
    def seconds_left(self) -> float:
        """Until something is due."""
        return max(min(self._next.values()) - time.monotonic(), 0.0)

    def tick(self, pids: list[int]) -> None:
        """Look at memory, cut and trim what is due; `pids` are the workers."""
        if time.monotonic() >= self._next["memory"]:
            self._next["memory"] = time.monotonic() + self.memory.look(pids)
        if self._due("window", self._seconds):
            self._try(self._cut)
        if self._due("trim", TRIM_SECONDS):
            self._try(lambda: trim(self._replica.folder))

    def restarted(self) -> None:
        """A process has been replaced."""
        self._master[RESTARTS] += 1

    def close(self) -> None:
        """The last window, and a moment for the pusher to send it."""
        self._try(self._cut)
        if self._pusher:
            self._pusher.finish(FINISH_SECONDS)

    def _try(self, step: Callable[[], None]) -> None:
        """A full disk may cost figures, but must not end what serves."""
        try:
            step()
        except OSError as reason:
            log(f"the server's figures cannot be kept now: {reason}", "E")

    def _due(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._next[what]:
            return False
        self._next[what] = max(self._next[what] + every, now + every / 2)
        return True

    def _cut(self) -> None:
        now = time.monotonic()
        cpu = self._usage.measure_cpu()
        memory = self._usage.proportional()
        window = self._cutter.cut((cpu - self._cpu_before) / max(now - self._window_began, 0.001), memory)
        self._cpu_before, self._window_began = cpu, now
        self._master[MEMORY] = memory
        self._master[CPU_MILLISECONDS] = int(cpu * 1000)
        if self._spool and self._pusher:
            self._spool.add(window)
            self._pusher.wake()
