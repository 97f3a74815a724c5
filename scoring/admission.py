"""Slow runs: a bounded queue, runner threads, a longest wait (503) and a longest run (504)."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from time import perf_counter_ns
from typing import Any

from scoring.errors import ScoringError, overloaded
from scoring.log import log

MOST_STUCK = 8  # abandoned runs after which the process is beyond help


class Job:
    """One run that waits for a thread. `deliver(result or error, queued, ran)` is called once, on the loop."""

    __slots__ = ("_claim", "arrived", "deliver", "delivered", "ended", "gone", "started", "work")

    def __init__(
        self,
        work: Callable[[], bytes],
        deliver: Callable[[Any, int, int], None],
        gone: Callable[[], bool],
        arrived: int,
    ) -> None:
        self.work = work
        self.deliver = deliver
        self.gone = gone
        self.arrived = arrived  # all times in perf_counter nanoseconds
        self.started = 0
        self.ended = 0
        self.delivered = False
        self._claim = [True]

    def claim(self) -> bool:
        """True for the first who asks: a runner that starts it, or the sweep that gives it up."""
        try:
            return self._claim.pop()
        except IndexError:
            return False


class Runner(threading.Thread):
    """Takes jobs until it is retired, which happens when a run of it exceeds the scoring timeout."""

    def __init__(
        self,
        jobs: "SimpleQueue[Job | None]",
        done: Callable[["Runner", Job, Any], None],
        prepare: Callable[[], None],
    ) -> None:
        super().__init__(name="runner", daemon=True)
        self._prepare = prepare
        self._jobs = jobs
        self._done = done
        self.current: Job | None = None
        self.retired = False

    def run(self) -> None:
        self._prepare()
        while not self.retired:
            job = self._jobs.get()
            if job is None:
                return
            if job.claim():
                job.started = perf_counter_ns()
                self.current = job
                self._done(self, job, _result_of(job))


def _result_of(job: Job) -> Any:
    if job.gone():
        return ScoringError(499, "gone", "The client went away before its turn.")
    try:
        return job.work()
    except BaseException as error:  # whatever a script raises belongs to its own request
        return error


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
        self._prepare_thread = prepare_thread
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._waiting: deque[Job] = deque()
        self._stuck = 0
        self._runners: list[Runner] = []
        self._wanted = runners

    @property
    def waiting(self) -> int:
        """Jobs that are queued or running."""
        return len(self._waiting)

    def submit(self, job: Job) -> None:
        """Queue a job; 503 when the queue is full."""
        if len(self._waiting) >= self._limit + self._wanted:
            raise overloaded(f"{self._limit} requests are waiting already.")
        while len(self._runners) < self._wanted:
            self._add_runner()
        self._waiting.append(job)
        self._jobs.put(job)

    def sweep(self) -> None:
        """Give up what has waited or run too long; called a few times a second."""
        now = perf_counter_ns()
        for job in [job for job in self._waiting if now - job.arrived > self._wait]:
            if job.claim():
                self._deliver(job, overloaded(f"It waited {(now - job.arrived) / 1e9:.1f} s for its turn."), now)
        for runner in list(self._runners):
            job_now = runner.current
            if job_now and not job_now.delivered and now - job_now.started > self._timeout:
                self._abandon(runner, job_now, now)

    def _abandon(self, runner: Runner, job: Job, now: int) -> None:
        message = f"run() took longer than the scoring timeout of {self._timeout_seconds:g} s."
        self._deliver(job, ScoringError(504, "scoring_timeout", message, failed=True), now)
        runner.retired = True
        self._runners.remove(runner)
        self._add_runner()
        self._stuck += 1
        log(f"a run exceeded the scoring timeout; its thread is left behind ({self._stuck} now)", "W")
        if self._stuck >= MOST_STUCK:
            self._on_stuck()

    def _add_runner(self) -> None:
        runner = Runner(self._jobs, self._finished_in_thread, self._prepare_thread)
        self._runners.append(runner)
        runner.start()

    def _finished_in_thread(self, runner: Runner, job: Job, result: Any) -> None:
        job.ended = perf_counter_ns()
        try:
            self._loop.call_soon_threadsafe(self._finished, runner, job, result)
        except RuntimeError:
            runner.retired = True  # the loop has closed: the server is stopping

    def _finished(self, runner: Runner, job: Job, result: Any) -> None:
        if runner.retired:
            self._stuck -= 1
        if not job.delivered:
            self._deliver(job, result, job.ended)

    def _deliver(self, job: Job, result: Any, ended: int) -> None:
        job.delivered = True
        self._waiting.remove(job)
        started = job.started or ended
        try:
            job.deliver(result, started - job.arrived, ended - started)
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
