"""The master process: starts the workers, replaces those that die, watches memory, reports, stops in order.

It loads no model, but the libraries that do: the workers, which it forks, share their memory.
"""

import contextlib
import os
import selectors
import signal
import socket
import time

import msgspec

from scoring.contract import Failure
from scoring.core.errors import StartFailure
from scoring.core.log import log
from scoring.core.logfile import tail
from scoring.core.settings import Replica
from scoring.core.timings import HEAVY_SECONDS
from scoring.counters.telemetry import AT_ADDRESS, BEAT, CONNECTIONS, NOT_SERVING, CounterFile, create
from scoring.process import process_tree
from scoring.process.address import DRAIN_LOOK_SECONDS, Address, connections_at_address
from scoring.process.child import Child
from scoring.process.handover import Handover
from scoring.process.ipc import WorkerConfig, WorkerFailed, WorkerReady
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
        self._address: Address | None = None  # where replicas take turns at it
        self._door: socket.socket | None = None  # its door, as far as the selector knows
        self._settled = True  # whether the workers have done what they were told of the address
        self._ready = False
        self._began = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._signals, selectors.EVENT_READ)

    def run(self) -> int:
        """Serve until told to stop; gives the exit code."""
        self._signals.listen()
        process_tree.adopt_orphans()
        try:
            self._open_sockets()
            preload(self._replica)
            self._lifeline, self._life = os.pipe()  # workers hold one end, only this process the other
            counters = create(self._replica.counters, self._replica.most_processes)
            for slot in range(counters.workers):
                self._note_absent(counters, slot)
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

    def _open_sockets(self) -> None:
        run = self._replica.run
        if run.serve_on_request:
            self._signals.listen_for_changes()
            self._address = Address(self._replica)
            self._listener = self._address.private
            self._status.status.endpoints = self._address.endpoints
        else:
            self._listener = listen(run)
            if run.grpc_port is not None:
                self._reserved = reserve(run, run.grpc_port)

    # -- the loop

    def _step(self) -> None:
        for key, _ in self._selector.select(min(self._longest_wait(), self._ledger.seconds_left)):
            self._hear(key)
        self._reap()
        if self._address is not None:
            self._follow(self._address)
        self._start_missing()
        self._check_start()
        self._status.catch_up()
        self._ledger.tick(self._pids)
        self._check_memory()
        self._check_beats()

    def _longest_wait(self) -> float:
        if not self._ready or self._due:
            return 0.05
        return 0.5 if self._settled else DRAIN_LOOK_SECONDS

    def _hear(self, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, Child):
            if key.data.read_report():
                self._selector.unregister(key.fileobj)
                self._take_report(key.data)
        elif isinstance(key.data, Handover):
            key.data.answer()
        else:
            self._signals.clear()

    def _take_report(self, child: Child) -> None:
        """A worker has loaded, has failed, or has died without a word (which `_reap` deals with)."""
        if not child.report:
            return
        report = msgspec.json.decode(child.report, type=WorkerReady | WorkerFailed)
        if isinstance(report, WorkerFailed):
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

    def _follow(self, address: Address) -> None:
        """Let the workers accept connections at the service's address, or leave it, as the file in the folder says."""
        now, self._signals.look = self._signals.look, False
        if address.look(now=now):
            log(f"{'serving at' if address.wanted else 'leaving'} the service's address")
            for child in self._children.values():
                child.serve(address.wanted)
        self._watch_door(address)
        serving, connections = connections_at_address(self._counters)
        self._status.at_address(serving=serving, connections=0 if serving else connections)
        self._settled = serving == address.wanted and (serving or connections == 0)

    def _watch_door(self, address: Address) -> None:
        if self._door is not address.door:
            if self._door is not None:
                self._selector.unregister(self._door)
            self._door = address.door
            if self._door is not None:
                self._selector.register(self._door, selectors.EVENT_READ, address.handover)

    def _start_missing(self) -> None:
        now = time.monotonic()
        for slot in range(self._wanted):
            if slot not in self._children and self._due.get(slot, 0.0) <= now:
                self._due.pop(slot, None)
                try:
                    child = Child(self._replica, self._worker_config(slot))
                except OSError as reason:
                    log(f"a process cannot be started now: {reason}", "E")
                    self._due[slot] = now + FORK_AGAIN_SECONDS
                    continue
                self._children[slot] = child
                self._selector.register(child.report_pipe, selectors.EVENT_READ, child)

    def _worker_config(self, slot: int) -> WorkerConfig:
        config = WorkerConfig(
            slot=slot,
            listener=self._listener.fileno(),
            report=-1,
            lifeline=self._lifeline,
            cores=self._replica.cores,
            threads=self._threads,
        )
        if self._address is not None:
            config.address, config.serves = self._address.listener.fileno(), self._address.wanted
        return config

    # -- what goes wrong

    def _reap(self) -> None:
        for slot, child in list(self._children.items()):
            if child.process.poll() is not None and child.report is not None:
                del self._children[slot]
                child.reaped()
                self._note_absent(self._counters, slot)
                self._replace(child)

    @staticmethod
    def _note_absent(counters: CounterFile, slot: int) -> None:
        """No worker accepts connections in this slot."""
        for cell in (CONNECTIONS, AT_ADDRESS):
            counters.region(slot + 1)[cell] = NOT_SERVING

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
        if self._address is not None:
            self._address.close()
        end = time.monotonic() + STOP_SECONDS
        for child in self._children.values():
            child.send_signal(signal.SIGTERM)
        for child in self._children.values():
            with contextlib.suppress(Exception):
                child.process.wait(max(end - time.monotonic(), 0.01))
            child.kill()
        process_tree.end_strays()
        self._ledger.close()
        log("stopped")
        return 0
