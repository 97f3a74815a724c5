"""The master process: starts the workers, replaces those that die, watches memory, reports, stops in order.

It loads no model, but the libraries that do: the workers, which it forks, share their memory.
"""

import contextlib
import os
import selectors
import signal
import time

import msgspec

from scoring.contract import Failure
from scoring.core.errors import StartFailure
from scoring.core.log import log
from scoring.core.logfile import tail
from scoring.core.settings import Replica
from scoring.core.timings import HEAVY_SECONDS
from scoring.counters.telemetry import BEAT, CONNECTIONS, NOT_SERVING, create
from scoring.process import process_tree
from scoring.process.child import Child
from scoring.process.ipc import Report
from scoring.process.listener import listen, reserve
from scoring.process.restart_backoff import Restarts
from scoring.process.signals import Signals
from scoring.process.stacks import stacks_of
from scoring.process.status import StatusFile
from scoring.process.worker import preload

START_FAILED = 3
START_TRIES = 3
STOP_SECONDS = 9.5
HANG_SECONDS = 3.0  # beyond the scoring timeout, after which a process that stands still is replaced
FIRST_REPORT_SECONDS = 0.05  # enough for a small model
FORK_AGAIN_SECONDS = 1.0  # after the system had no memory, or no number, for another process


class Supervisor:
    """One replica, from start to stop."""

    def __init__(self, replica: Replica, status: StatusFile) -> None:
        self._replica = replica
        self._status = status
        self._children: dict[int, Child] = {}
        self._due: dict[int, float] = {}  # slot: when its next process may start
        self._wanted = replica.most_processes if replica.at_once else 1
        self._threads = max(1, len(replica.cores) // self._wanted) if replica.at_once else len(replica.cores)
        self._restarts = Restarts(START_TRIES)
        self._signals = Signals()
        self._ready = False
        self._began = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._signals, selectors.EVENT_READ)

    def run(self) -> int:
        """Serve until told to stop; gives the exit code."""
        self._signals.listen()
        process_tree.adopt_orphans()
        try:
            self._listener = listen(self._replica.run)
            if (port := self._replica.run.grpc_port) is not None:
                self._held = reserve(self._replica.run, port)
            preload(self._replica)
            self._lifeline, self._life = os.pipe()  # workers hold one end, only this process the other
            counters = create(self._replica.counters, self._replica.most_processes)
            for slot in range(counters.workers):
                counters.region(slot + 1)[CONNECTIONS] = NOT_SERVING
            self._counters = counters
            for path in self._replica.model_counters:
                create(path, counters.workers)
            self._start_missing()
            self._status.move("starting")
            self._selector.select(FIRST_REPORT_SECONDS)
            from scoring.process.metrics_sampler import (
                Ledger,  # only now: loading psutil and HTTP takes a core from the workers
            )

            self._ledger = Ledger(self._replica, counters)
            while not self._signals.stop:
                self._step()
        except StartFailure as error:
            return self._fail(error)
        return self._stop()

    # -- the loop

    def _step(self) -> None:
        wait = 0.05 if not self._ready or self._due else 0.5
        for key, _ in self._selector.select(min(wait, self._ledger.seconds_left)):
            self._hear(key)
        self._reap()
        self._start_missing()
        self._check_start()
        self._status.catch_up()
        self._ledger.tick(self._pids)
        self._check_memory()
        self._check_beats()

    def _hear(self, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, Child):
            if key.data.listen():
                self._selector.unregister(key.fileobj)
                self._report(key.data)
        else:
            self._signals.clear()

    def _report(self, child: Child) -> None:
        """A worker has loaded, has failed, or has died without a word (which `_reap` deals with)."""
        if not child.heard:
            return
        report = msgspec.json.decode(child.heard, type=Report)
        if report.failure is not None:
            child.failure = report.failure
        else:
            child.ready_at = time.monotonic()
            self._lay_out(report.seconds)

    def _lay_out(self, seconds: float | None) -> None:
        """The first process of a large model says how many there will be."""
        if not self._replica.at_once and not self._ready and len(self._children) == 1:
            heavy = seconds is not None and seconds >= HEAVY_SECONDS
            self._wanted = 1 if heavy else self._processes_that_fit()
        ready = [child for child in self._children.values() if child.ready]
        if not self._ready and len(ready) == self._wanted:
            self._ready = True
            self._restarts = Restarts(START_TRIES + self._wanted)
            self._status.move("ready")
            spelled = "1 process" if self._wanted == 1 else f"{self._wanted} processes"
            log(f"ready on {self._replica.run.host}:{self._replica.run.port} with {spelled}")

    def _processes_that_fit(self) -> int:
        """As many processes as there are cores, if their memory allows; the first one has shown its size."""
        most, limit = self._replica.most_processes, self._replica.run.memory_bytes
        if limit is None:
            return most
        used = max(self._ledger.memory.by_branch(self._pids).values(), default=1)
        return max(1, min(most, int(limit * 0.8 // max(used, 1))))

    @property
    def _pids(self) -> list[int]:
        return [child.pid for child in self._children.values()]

    def _start_missing(self) -> None:
        now = time.monotonic()
        for slot in range(self._wanted):
            if slot not in self._children and self._due.get(slot, 0.0) <= now:
                self._due.pop(slot, None)
                try:
                    child = Child(self._replica, slot, self._listener.fileno(), self._lifeline, self._threads)
                except OSError as reason:
                    log(f"a process cannot be started now: {reason}", "E")
                    self._due[slot] = now + FORK_AGAIN_SECONDS
                    continue
                self._children[slot] = child
                self._selector.register(child.report, selectors.EVENT_READ, child)

    # -- what goes wrong

    def _reap(self) -> None:
        for slot, child in list(self._children.items()):
            if child.process.poll() is not None and child.heard is not None:
                del self._children[slot]
                self._counters.region(slot + 1)[CONNECTIONS] = NOT_SERVING
                self._replace(child)

    def _replace(self, child: Child) -> None:
        """A process has ended by itself: try again, later each time, or give up."""
        failure = child.failure or self._crash(child)
        if child.failure is not None and not self._ready:
            raise StartFailure(failure.reason, failure.message, failure.evidence, failure.hint)
        pause = self._restarts.pause_after(child.served)
        if pause is None:
            raise StartFailure(failure.reason, failure.message, failure.evidence, failure.hint)
        log(f"process {child.pid} {child.ending()}; another takes its place in {pause:g} s", "W")
        self._due[child.slot] = time.monotonic() + pause
        if self._ready:
            self._status.restarted()
            self._ledger.restarted()

    def _crash(self, child: Child) -> Failure:
        message = f"A process of the server {child.ending()}, again and again."
        return Failure("worker_crashed", message, tail(self._replica.folder))

    def _check_start(self) -> None:
        limit = self._replica.run.start_deadline_seconds
        if not self._ready and time.monotonic() - self._began > limit:
            evidence = stacks_of(self._replica.folder, [child for child in self._children.values() if not child.ready])
            raise StartFailure("start_timeout", f"It was not ready {limit:g} s after the start.", evidence)

    def _check_memory(self) -> None:
        """Above the limit the largest process ends with all that it has started; before the service was ever ready,
        all of them."""
        memory, limit = self._ledger.memory, self._replica.run.memory_bytes
        if limit is None or memory.used <= limit:
            return
        sizes = memory.by_branch(self._pids)
        told = ", ".join(f"process {pid}: {size // 2**20} MiB" for pid, size in sizes.items())
        failure = Failure("out_of_memory", self._memory_message(), told)
        if not self._ready or not sizes:
            raise StartFailure(failure.reason, failure.message, failure.evidence, failure.hint)
        largest = max(sizes, key=lambda pid: sizes[pid])
        log(f"out_of_memory: {failure.message} The largest is ended ({told}).", "E")
        process_tree.end(memory.branch(largest))
        for child in self._children.values():
            if child.pid == largest:
                child.failure = failure
                child.kill("since the service used too much memory")
        memory.used = 0

    def _check_beats(self) -> None:
        """A process whose loop stands still answers nobody: it is replaced once it has run longer than any run may."""
        now, run = time.monotonic(), self._replica.run
        for child in self._children.values() if self._ready else ():
            beat = self._counters.region(child.slot + 1)[BEAT] / 1000
            heard = max(beat, child.ready_at) if child.ready_at is not None else child.spawned
            limit = run.scoring_timeout_seconds + HANG_SECONDS if child.ready else run.start_deadline_seconds
            if now - heard > limit:
                evidence = stacks_of(self._replica.folder, [child])
                log(f"process {child.pid} has stood still for {limit:g} s and is ended. It was here:\n{evidence}", "E")
                child.kill("since it stood still")

    def _memory_message(self) -> str:
        limit = (self._replica.run.memory_bytes or 0) // 2**20
        return f"The processes use {self._ledger.memory.used // 2**20} MiB, the service may use {limit} MiB."

    # -- the end

    def _fail(self, error: StartFailure) -> int:
        log(f"{error.failure.reason}: {error.failure.message}\n{error.failure.evidence}", "E")
        for child in self._children.values():
            child.kill()
        process_tree.end_strays()
        self._status.move("failed", error.failure)
        return START_FAILED

    def _stop(self) -> int:
        log("stopping")
        self._status.move("stopping")
        self._listener.close()
        end = time.monotonic() + STOP_SECONDS
        for child in self._children.values():
            child.tell(signal.SIGTERM)
        for child in self._children.values():
            with contextlib.suppress(Exception):
                child.process.wait(max(end - time.monotonic(), 0.01))
            child.kill()
        process_tree.end_strays()
        self._ledger.close()
        log("stopped")
        return 0
