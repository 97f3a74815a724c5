"""Keeps a job's lease while its work blocks, and notices when the job is no longer ours."""

import logging
import threading
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connections

from studio.core.jobs import Job

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0  # a job whose worker was killed is taken up again after that
BEAT_SECONDS = 5.0


class Lost(Exception):
    """The job was cancelled, or another worker has taken it over: let go without a word."""


class Heartbeat:
    """Renews the lease from a thread of its own until the `with` block ends."""

    def __init__(self, job: Job) -> None:
        self._job, self._step, self._progress = job, job.step, job.progress
        self._lost, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{job.pk}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def is_lost(self) -> bool:
        return self._lost.is_set()

    def step(self, step: str, progress: float) -> None:
        """Tell where the work is. Raises `Lost` when it is not ours any more."""
        self._step, self._progress = step, progress
        if self._lost.is_set() or not self._report():
            raise Lost

    def note(self, step: str, progress: float) -> None:
        """Tell where the work is with the next beat: steps of milliseconds are not worth a write. Raises `Lost`."""
        self._step, self._progress = step, progress
        self.check()

    def check(self) -> None:
        """Raises `Lost` when a beat has seen that the job is not ours any more."""
        if self._lost.is_set():
            raise Lost

    def _report(self) -> bool:
        return self._job.report(self._step, self._progress, seconds=LEASE_SECONDS)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                if not self._report():
                    self._lost.set()
                    break
            except DatabaseError as reason:  # busy or away: the lease lasts for several beats
                log.warning("cannot renew the lease of %s: %s", self._job, reason)
        connections.close_all()  # this thread's own
