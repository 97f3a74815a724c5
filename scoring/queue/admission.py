"""Calls that must not run on the loop: a bounded queue, runner threads, a longest wait (503) and run (504)."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from time import perf_counter_ns
from typing import Any

from scoring.core.errors import ScoringError, client_closed, overloaded
from scoring.core.log import log
from scoring.queue.call import QueuedCall

Done = list[tuple[QueuedCall, Any]]  # calls with what came of them
MOST_STUCK = 8  # abandoned runs after which the process cannot recover


class Runner(threading.Thread):
    """Runs queued calls until it is retired, which happens when a run of it exceeds the scoring timeout."""

    def __init__(self, admission: "Admission") -> None:
        super().__init__(name="runner", daemon=True)
        self._admission = admission
        self.current: list[QueuedCall] = []
        self.retired = False

    def run(self) -> None:
        admission = self._admission
        admission.prepare_thread()
        while not self.retired:
            call = admission.calls.get()
            if call is None:
                return
            if call.claim():
                done = self._run_batch(call)
                self.current = []
                admission.finished_in_thread(self, done)

    def _run_batch(self, call: QueuedCall) -> Done:
        admission, batcher = self._admission, call.handler.batcher
        group = [call] if batcher is None else batcher.gather(call, admission.share)
        now = perf_counter_ns()
        for one in group:
            one.started = now
        call.exclusive = admission.waiting == 1
        self.current = group
        return [(call, call.run())] if batcher is None else batcher.run(group)


class Admission:
    """The queue of one process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        runners: int,
        limit: int,
        wait: float,
        timeout: float,
        on_stuck: Callable[[], None],
        prepare_thread: Callable[[], None],
    ) -> None:
        """Of `limit` calls that wait for one of the `runners`; `wait` and `timeout` in seconds."""
        self._loop = loop
        self._limit = limit
        self._wait = int(wait * 1e9)
        self._timeout = int(timeout * 1e9)
        self._timeout_seconds = timeout
        self._on_stuck = on_stuck
        self.prepare_thread = prepare_thread
        self.calls: SimpleQueue[QueuedCall | None] = SimpleQueue()
        self._waiting: deque[QueuedCall] = deque()
        self._arrived: list[QueuedCall] = []  # in this loop iteration, for runs that are shared
        self._count_at_last_poll = 0
        self._stuck = 0
        self._runners: list[Runner] = []
        self._wanted = runners

    @property
    def waiting(self) -> int:
        """Calls that are queued or running."""
        return len(self._waiting)

    @property
    def queued(self) -> int:
        """Calls that no runner has begun."""
        return sum(not call.claimed for call in self._waiting)

    def share(self) -> int:
        """A runner's part of all calls. A runner that took more would leave single rows to the others."""
        return -(-len(self._waiting) // self._wanted)

    def submit(self, call: QueuedCall) -> None:
        """Queue a call; 503 when the queue is full."""
        if self._is_full:
            self._drop_disconnected()
        if self._is_full:
            raise overloaded(f"{self._limit} requests are waiting already.")
        self._start_missing_runners()
        if not self._runners:
            raise overloaded("No thread can be started.")
        self._waiting.append(call)
        if call.handler.batcher is not None:
            call.handler.batcher.pending.append(call)
            if len(self._waiting) > 1:
                self._hand_over_together(call)
                return
        self.calls.put(call)

    def _hand_over_together(self, call: QueuedCall) -> None:
        """Wake a runner at the end of the loop iteration, so that calls of the same iteration share its run.

        The clients of a batch send their next requests at the same moment: of eight, the first to be handed over at
        once would run alone, and the seven others after it.
        """
        if not self._arrived:
            self._loop.call_soon(self._poll)
        self._arrived.append(call)

    def _poll(self) -> None:
        if self._count_at_last_poll < len(self._arrived):
            self._count_at_last_poll = len(self._arrived)
            self._loop.call_soon(self._poll)
            return
        arrived, self._arrived, self._count_at_last_poll = self._arrived, [], 0
        for call in arrived:
            self.calls.put(call)

    @property
    def _is_full(self) -> bool:
        return len(self._waiting) >= self._limit + self._wanted

    def _drop_disconnected(self) -> None:
        """Free queue slots held by clients that have disconnected."""
        now = perf_counter_ns()
        for call in [call for call in self._waiting if call.is_gone()]:
            if call.claim():
                self._deliver(call, client_closed(), now)

    def sweep(self) -> None:
        """Give up what has waited or run too long; called a few times a second."""
        now = perf_counter_ns()
        for call in [call for call in self._waiting if now - call.request.arrived > self._wait]:
            if call.claim():
                waited = now - call.request.arrived
                self._deliver(call, overloaded(f"It waited {waited / 1e9:.1f} s for its turn."), now)
        for runner in list(self._runners):
            late = [call for call in runner.current if not call.delivered and now - call.started > self._timeout]
            if late:
                self._abandon(runner, late, now)

    def _abandon(self, runner: Runner, calls: list[QueuedCall], now: int) -> None:
        message = f"The run took longer than the scoring timeout of {self._timeout_seconds:g} s."
        for call in calls:
            call.infer = now - call.started
            self._deliver(call, ScoringError(504, "scoring_timeout", message, failed=True), now)
        runner.retired = True
        self._runners.remove(runner)
        self._start_missing_runners()
        self._stuck += 1
        log(f"a run exceeded the scoring timeout; its thread is abandoned ({self._stuck} now)", "W")
        if self._stuck >= MOST_STUCK:
            self._on_stuck()

    def _start_missing_runners(self) -> None:
        """Start as many runners as are wanted, or as the system allows."""
        while len(self._runners) < self._wanted:
            runner = Runner(self)
            try:
                runner.start()
            except RuntimeError as reason:
                log(f"a runner thread cannot be started: {reason}", "E")
                return
            self._runners.append(runner)

    def finished_in_thread(self, runner: Runner, done: Done) -> None:
        """Hand what a runner has finished over to the loop."""
        try:
            self._loop.call_soon_threadsafe(self._finished, runner, done)
        except RuntimeError:
            runner.retired = True  # the loop has closed: the server is stopping

    def _finished(self, runner: Runner, done: Done) -> None:
        if runner.retired:
            self._stuck -= 1
        for call, result in done:
            if not call.delivered:
                self._deliver(call, result, call.started)

    def _deliver(self, call: QueuedCall, result: Any, started: int) -> None:
        call.delivered = True
        self._waiting.remove(call)
        call.result, call.waited = result, (call.started or started) - call.request.arrived
        try:
            call.on_done(call)
        except Exception as error:  # one client's trouble must not stop the others' responses
            log(f"a response could not be delivered: {error!r}", "E")
