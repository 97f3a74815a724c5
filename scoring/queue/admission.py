"""Slow work: a bounded queue, runner threads, a longest wait (503) and a longest run (504)."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from time import perf_counter_ns
from typing import Any

from scoring.core.errors import ScoringError, gone, overloaded
from scoring.core.log import log
from scoring.queue.call import QueuedCall

Done = list[tuple[QueuedCall, Any]]  # jobs with what came of them
MOST_STUCK = 8  # abandoned runs after which the process is beyond help


class Runner(threading.Thread):
    """Takes jobs until it is retired, which happens when a run of it exceeds the scoring timeout."""

    def __init__(self, admission: "Admission") -> None:
        super().__init__(name="runner", daemon=True)
        self._admission = admission
        self.current: list[QueuedCall] = []
        self.retired = False

    def run(self) -> None:
        admission = self._admission
        admission.prepare_thread()
        while not self.retired:
            job = admission.jobs.get()
            if job is None:
                return
            if job.claim():
                done = self._work(job)
                self.current = []
                admission.finished_in_thread(self, done)

    def _work(self, job: QueuedCall) -> Done:
        admission, batcher = self._admission, job.handler.batcher
        group = [job] if batcher is None else batcher.gather(job, admission.share)
        now = perf_counter_ns()
        for one in group:
            one.started = now
        job.exclusive = admission.waiting == 1
        self.current = group
        return [(job, job.result())] if batcher is None else batcher.run(group)


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
        self._loop = loop
        self._limit = limit
        self._wait = int(wait * 1e9)
        self._timeout = int(timeout * 1e9)
        self._timeout_seconds = timeout
        self._on_stuck = on_stuck
        self.prepare_thread = prepare_thread
        self.jobs: SimpleQueue[QueuedCall | None] = SimpleQueue()
        self._waiting: deque[QueuedCall] = deque()
        self._arrived: list[QueuedCall] = []  # in this turn of the loop, for runs that are shared
        self._seen = 0  # how many of them there were at the last look
        self._stuck = 0
        self._runners: list[Runner] = []
        self._wanted = runners

    @property
    def waiting(self) -> int:
        """Jobs that are queued or running."""
        return len(self._waiting)

    @property
    def queued(self) -> int:
        """Jobs that no runner has begun."""
        return sum(not job.claimed for job in self._waiting)

    def share(self) -> int:
        """A runner's part of all jobs. One that took more would leave the others with runs of a lone row."""
        return -(-len(self._waiting) // self._wanted)

    def submit(self, job: QueuedCall) -> None:
        """Queue a job; 503 when the queue is full."""
        if self._is_full:
            self._forget_leavers()
        if self._is_full:
            raise overloaded(f"{self._limit} requests are waiting already.")
        self._hire()
        if not self._runners:
            raise overloaded("No thread can be started.")
        self._waiting.append(job)
        if job.handler.batcher is not None:
            job.handler.batcher.pending.append(job)
            if len(self._waiting) > 1:
                self._hand_over_together(job)
                return
        self.jobs.put(job)

    def _hand_over_together(self, job: QueuedCall) -> None:
        """Wake a runner at the end of the loop's turn: what the same turn brings then shares its run.

        The clients of a run ask again at the same moment. The first of them, handed over at once, would run alone.
        """
        if not self._arrived:
            self._loop.call_soon(self._look)
        self._arrived.append(job)

    def _look(self) -> None:
        if self._seen < len(self._arrived):
            self._seen = len(self._arrived)
            self._loop.call_soon(self._look)
            return
        arrived, self._arrived, self._seen = self._arrived, [], 0
        for job in arrived:
            self.jobs.put(job)

    @property
    def _is_full(self) -> bool:
        return len(self._waiting) >= self._limit + self._wanted

    def _forget_leavers(self) -> None:
        """Requests that nobody waits for any more take no place from others."""
        now = perf_counter_ns()
        for job in [job for job in self._waiting if job.gone()]:
            if job.claim():
                self._deliver(job, gone(), now)

    def sweep(self) -> None:
        """Give up what has waited or run too long; called a few times a second."""
        now = perf_counter_ns()
        for job in [job for job in self._waiting if now - job.request.arrived > self._wait]:
            if job.claim():
                waited = now - job.request.arrived
                self._deliver(job, overloaded(f"It waited {waited / 1e9:.1f} s for its turn."), now)
        for runner in list(self._runners):
            late = [job for job in runner.current if not job.delivered and now - job.started > self._timeout]
            if late:
                self._abandon(runner, late, now)

    def _abandon(self, runner: Runner, jobs: list[QueuedCall], now: int) -> None:
        message = f"The run took longer than the scoring timeout of {self._timeout_seconds:g} s."
        for job in jobs:
            job.infer = now - job.started
            self._deliver(job, ScoringError(504, "scoring_timeout", message, failed=True), now)
        runner.retired = True
        self._runners.remove(runner)
        self._hire()
        self._stuck += 1
        log(f"a run exceeded the scoring timeout; its thread is left behind ({self._stuck} now)", "W")
        if self._stuck >= MOST_STUCK:
            self._on_stuck()

    def _hire(self) -> None:
        """Have as many runners as are wanted, or as the system gives."""
        while len(self._runners) < self._wanted:
            runner = Runner(self)
            try:
                runner.start()
            except RuntimeError as reason:
                log(f"a runner is missing: {reason}", "E")
                return
            self._runners.append(runner)

    def finished_in_thread(self, runner: Runner, done: Done) -> None:
        """Hand over to the loop what a runner has made."""
        try:
            self._loop.call_soon_threadsafe(self._finished, runner, done)
        except RuntimeError:
            runner.retired = True  # the loop has closed: the server is stopping

    def _finished(self, runner: Runner, done: Done) -> None:
        if runner.retired:
            self._stuck -= 1
        for job, result in done:
            if not job.delivered:
                self._deliver(job, result, job.started)

    def _deliver(self, job: QueuedCall, result: Any, started: int) -> None:
        job.delivered = True
        self._waiting.remove(job)
        try:
            job.deliver(job, result, (job.started or started) - job.request.arrived)
        except Exception as error:  # one client's trouble must not stop the others' answers
            log(f"an answer could not be delivered: {error!r}", "E")


class Pace:
    """Whether an engine is quick enough to run on the loop, from a moving average of its runs.

    On the loop a run holds up everything else, so trust is earned by many quick runs. Single runs that last
    longer are forgiven: on a busy machine they tell of the machine. One of a quarter of a second is not.
    """

    QUICK = 2_000_000  # nanoseconds: below this on average, runs go inline
    CLIP = 20_000_000  # no single run counts as longer in the average
    SLOW = 250_000_000  # a single run this long ends the trust
    ENOUGH = 100  # quick runs before a thread is thought unnecessary; ten times as many after a disappointment

    def __init__(self, seconds: float | None) -> None:
        self.inline = seconds is not None and seconds * 1e9 < self.QUICK
        self._average = seconds * 1e9 if seconds is not None else 0.0
        self._seen = 0
        self._needed = self.ENOUGH

    def note(self, ran: int) -> None:
        """A run took so many nanoseconds."""
        average = self._average
        self._average = average = average + 0.05 * ((ran if ran < self.CLIP else self.CLIP) - average)
        if self.inline:
            if ran > self.SLOW or average > 2 * self.QUICK:
                self.inline, self._seen = False, 0
                self._needed *= 10
        else:
            self._seen = self._seen + 1 if ran < self.CLIP else 0
            self.inline = self._seen >= self._needed and average < self.QUICK


class Threaded(Pace):
    """Never on the loop: what waits, for something of its own or for company, would hold up everything else."""

    def __init__(self) -> None:
        super().__init__(None)

    def note(self, ran: int) -> None:
        pass
