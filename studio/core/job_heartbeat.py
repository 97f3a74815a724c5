"""Renews a job's lease while its work blocks, and notices when the lease is lost."""

import logging
import threading
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connections

from studio.core.jobs import Job

log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0


class LeaseLost(Exception):
    """The job was cancelled, or another worker has taken it over: stop and write nothing."""


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
        """Write down where the work is. Raises `LeaseLost` when the lease is."""
        self._step, self._progress = step, progress
        if self._lost.is_set() or not self._report():
            raise LeaseLost

    def note(self, step: str, progress: float) -> None:
        """Write down where the work is with the next beat, as short steps are not worth a write. Raises `LeaseLost`."""
        self._step, self._progress = step, progress
        self.check()

    def check(self) -> None:
        """Raises `LeaseLost` when a beat has found the lease lost."""
        if self._lost.is_set():
            raise LeaseLost

    def _report(self) -> bool:
        return self._job.report(self._step, self._progress)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                if not self._report():
                    self._lost.set()
                    break
            except DatabaseError as reason:  # busy or away: the lease lasts for several beats
                log.warning("cannot renew the lease of %s: %s", self._job, reason)
        connections.close_all()  # this thread's own
