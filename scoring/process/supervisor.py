"""The master process: starts the workers, replaces those that die, watches memory, reports, stops in order.

It loads no model, but the libraries that do: the workers, which it forks, share their memory.
"""

import os
import selectors
import time

import msgspec

from scoring.core.errors import StartFailure
from scoring.core.log import log
from scoring.core.settings import Replica
from scoring.core.timings import HEAVY_SECONDS
from scoring.counters.telemetry import create
from scoring.process import process_tree
from scoring.process.address import DRAIN_CHECK_SECONDS, Address, connections_at_address
from scoring.process.child import Child
from scoring.process.handover import Handover
from scoring.process.health_checks import check_heartbeats, check_memory
from scoring.process.ipc import WorkerFailed, WorkerReady
from scoring.process.listener import is_handed_over, listen, reserve
from scoring.process.signals import Signals
from scoring.process.stack_dumps import dump_stacks
from scoring.process.status import StatusFile
from scoring.process.worker import preload
from scoring.process.worker_pool import WorkerPool

START_FAILED = 3
STOP_SECONDS = 9.5
FIRST_REPORT_SECONDS = 0.05  # enough for a small model


class Supervisor:
    """One replica, from start to stop."""

    def __init__(self, replica: Replica, status: StatusFile) -> None:
        self._replica = replica
        self._status = status
        self._signals = Signals()
        self._address: Address | None = None  # where replicas take turns at it
        self._settled = True  # whether the workers have followed the last change at the address
        self._ready = False
        self._started_at = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._signals, selectors.EVENT_READ)

    def run(self) -> int:
        """Serve until told to stop; gives the exit code."""
        self._signals.listen()
        process_tree.adopt_orphans()
        try:
            others_listen = is_handed_over(self._replica.run)
            if not others_listen:
                self._open_sockets()
            preload(self._replica)
            if others_listen:  # whoever has the socket of the address may be loading too
                self._open_sockets()
            self._lifeline, self._lifeline_writer = os.pipe()  # workers hold one end, only this process the other
            self._counters = create(self._replica.counters, self._replica.most_processes)
            for path in self._replica.model_counters:
                create(path, self._counters.workers)
            self._workers = WorkerPool(self._replica, self._counters, self._selector)
            self._start_missing()
            self._status.set_state("starting")
            self._selector.select(FIRST_REPORT_SECONDS)
            # Only now: loading psutil and HTTP takes a core from the workers.
            from scoring.process.metrics_sampler import MetricsSampler

            self._sampler = MetricsSampler(self._replica, self._counters)
            while not self._signals.stop:
                self._step()
        except StartFailure as error:
            return self._fail(error)
        return self._stop()

    def _open_sockets(self) -> None:
        run = self._replica.run
        if run.serve_on_request:
            self._signals.handle_hangup()
            self._address = Address(self._replica)
            self._listener = self._address.private
            self._status.status.endpoints = self._address.endpoints
        else:
            self._listener = listen(run)
            if run.grpc_port is not None:
                self._reserved = reserve(run, run.grpc_port)

    # -- the loop

    def _step(self) -> None:
        for key, _ in self._selector.select(min(self._longest_wait(), self._sampler.seconds_until_due)):
            self._handle_event(key)
        self._reap()
        if self._address is not None:
            self._follow(self._address)
        self._start_missing()
        self._check_start()
        self._status.retry_write()
        self._sampler.run_due(self._workers.pids)
        workers = list(self._workers)
        check_memory(self._sampler.memory, self._replica.run, workers, ready=self._ready)
        if self._ready:
            check_heartbeats(self._counters, self._replica, workers)

    def _follow(self, address: Address) -> None:
        """Let the workers accept connections at the service's address, or leave it, depending on the file `serving`."""
        now, self._signals.recheck = self._signals.recheck, False
        if address.check_file(now=now):
            log(f"{'serving at' if address.wanted else 'leaving'} the service's address")
            for child in self._workers:
                child.serve(address.wanted)
        address.watch_handover(self._selector)
        serving, connections = connections_at_address(self._counters)
        self._status.at_address(serving=serving, connections=0 if serving else connections)
        self._settled = serving == address.wanted and (serving or connections == 0)

    def _longest_wait(self) -> float:
        if not self._ready or self._workers.restart_pending:
            return 0.05
        return 0.5 if self._settled else DRAIN_CHECK_SECONDS

    def _handle_event(self, key: selectors.SelectorKey) -> None:
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
            self._set_process_count(report.seconds)

    def _set_process_count(self, seconds: float | None) -> None:
        """The first process of a large model determines how many there will be."""
        if not self._replica.at_once and not self._ready and len(self._workers) == 1:
            heavy = seconds is not None and seconds >= HEAVY_SECONDS
            self._workers.size = 1 if heavy else self._processes_that_fit()
        ready = [child for child in self._workers if child.ready]
        if not self._ready and len(ready) == self._workers.size:
            self._ready = True
            self._workers.set_ready()
            self._status.set_state("ready")
            spelled = "1 process" if len(ready) == 1 else f"{len(ready)} processes"
            run = self._replica.run
            log(f"ready on {run.socket or f'{run.host}:{run.port}'} with {spelled}")

    def _processes_that_fit(self) -> int:
        """As many processes as there are cores, if their memory allows; the first one has shown its size."""
        most, limit = self._replica.most_processes, self._replica.run.memory_bytes
        if limit is None:
            return most
        used = max(self._sampler.memory.by_subtree(self._workers.pids).values(), default=1)
        return max(1, min(most, int(limit * 0.8 // max(used, 1))))

    def _start_missing(self) -> None:
        listener, address = self._listener.fileno(), self._address
        if address is None:
            self._workers.start_missing(listener, self._lifeline)
        else:
            shared = address.listener.fileno()
            self._workers.start_missing(listener, self._lifeline, address=shared, serves=address.wanted)

    def _reap(self) -> None:
        before = self._workers.restarts
        self._workers.reap()
        for _ in range(self._workers.restarts - before):
            self._status.count_restart()
            self._sampler.count_restart()

    def _check_start(self) -> None:
        limit = self._replica.run.start_deadline_seconds
        if not self._ready and time.monotonic() - self._started_at > limit:
            loading = [child for child in self._workers if not child.ready]
            evidence = dump_stacks(self._replica.folder, loading)
            raise StartFailure("start_timeout", f"It was not ready {limit:g} s after the start.", evidence)

    # -- the end

    def _fail(self, error: StartFailure) -> int:
        log(f"{error.failure.reason}: {error.failure.message}\n{error.failure.evidence}", "E")
        process_tree.kill_remaining()
        self._status.set_state("failed", error.failure)
        return START_FAILED

    def _stop(self) -> int:
        log("stopping")
        self._status.set_state("stopping")
        self._listener.close()
        if self._address is not None:
            self._address.close()
        self._workers.stop(STOP_SECONDS)
        process_tree.kill_remaining()
        self._sampler.close()
        log("stopped")
        return 0
