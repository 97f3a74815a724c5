"""The workers of a replica: one process in each slot, started, replaced after a crash, and ended."""

import contextlib
import selectors
import signal
import time
from collections.abc import Iterator

from scoring.contract import Failure
from scoring.core.errors import StartFailure
from scoring.core.log import log
from scoring.core.logfile import tail
from scoring.core.settings import Replica
from scoring.counters.telemetry import ADDRESS_CONNECTIONS, CONNECTIONS, NOT_SERVING, CounterFile
from scoring.process.child import Child
from scoring.process.ipc import WorkerConfig
from scoring.process.restart_backoff import RestartBackoff

MAX_QUICK_EXITS = 3
FORK_RETRY_SECONDS = 1.0  # after the system had no memory, or no number, for another process


class WorkerPool:
    """`size` workers. Their reports arrive at the selector, with the child as data."""

    def __init__(self, replica: Replica, counters: CounterFile, selector: selectors.BaseSelector) -> None:
        self.size = replica.most_processes if replica.at_once else 1
        self.restarts = 0  # workers replaced after they had been ready
        self._replica = replica
        self._counters = counters
        self._selector = selector
        self._threads = max(1, len(replica.cores) // self.size) if replica.at_once else len(replica.cores)
        self._children: dict[int, Child] = {}
        self._restart_due: dict[int, float] = {}  # slot: when its next process may start
        self._backoff = RestartBackoff(MAX_QUICK_EXITS)
        self._ready = False
        for slot in range(counters.workers):
            self._clear_slot(slot)

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._children.values()))

    def __len__(self) -> int:
        return len(self._children)

    @property
    def pids(self) -> list[int]:
        return [child.pid for child in self]

    @property
    def restart_pending(self) -> bool:
        """Whether a slot waits for its next process."""
        return bool(self._restart_due)

    def set_ready(self) -> None:
        """All workers have loaded once: from now on crashes are answered with restarts, and more of them allowed."""
        self._ready = True
        self._backoff = RestartBackoff(MAX_QUICK_EXITS + self.size)

    def start_missing(self, listener: int, lifeline: int, *, address: int = -1, serves: bool = False) -> None:
        """Fork a worker for each free slot whose time has come; the arguments are as in `WorkerConfig`."""
        now = time.monotonic()
        for slot in range(self.size):
            if slot in self._children or self._restart_due.get(slot, 0.0) > now:
                continue
            self._restart_due.pop(slot, None)
            config = WorkerConfig(
                slot=slot, listener=listener, report=-1, lifeline=lifeline, cores=self._replica.cores,
                threads=self._threads, address=address, serves=serves,
            )  # fmt: skip
            try:
                child = Child(self._replica, config)
            except OSError as reason:
                log(f"a process cannot be started now: {reason}", "E")
                self._restart_due[slot] = now + FORK_RETRY_SECONDS
                continue
            self._children[slot] = child
            self._selector.register(child.report_pipe, selectors.EVENT_READ, child)

    def reap(self) -> None:
        """Free the slots of workers that have ended; StartFailure when it is time to give up."""
        for slot, child in list(self._children.items()):
            if child.process.poll() is not None and child.report is not None:
                del self._children[slot]
                child.reaped()
                self._clear_slot(slot)
                self._schedule_restart(child)

    def stop(self, seconds: float) -> None:
        """Let them drain for so long, then end them."""
        end = time.monotonic() + seconds
        for child in self:
            child.send_signal(signal.SIGTERM)
        for child in self:
            with contextlib.suppress(Exception):
                child.process.wait(max(end - time.monotonic(), 0.01))
            child.kill()

    def _schedule_restart(self, child: Child) -> None:
        """A process has ended by itself: try again, later each time, or give up."""
        failure = child.failure or self._crash_failure(child)
        must_give_up = child.failure is not None and not self._ready
        delay = None if must_give_up else self._backoff.delay_after(child.seconds_ready)
        if delay is None:
            raise StartFailure(failure.reason, failure.message, failure.evidence, failure.hint)
        log(f"process {child.pid} {child.describe_exit()}; another takes its place in {delay:g} s", "W")
        self._restart_due[child.slot] = time.monotonic() + delay
        self.restarts += self._ready

    def _crash_failure(self, child: Child) -> Failure:
        message = f"A process of the server {child.describe_exit()}, again and again."
        return Failure("worker_crashed", message, tail(self._replica.control))

    def _clear_slot(self, slot: int) -> None:
        """No worker accepts connections in this slot."""
        for cell in (CONNECTIONS, ADDRESS_CONNECTIONS):
            self._counters.region(slot + 1)[cell] = NOT_SERVING
