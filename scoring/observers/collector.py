"""Data collection: sampled requests and answers, written by a thread to files of rows in run/collected/.

Requests only append to a queue that is bounded in rows and bytes; rows that do not fit are counted and dropped. The
format of the files is described in scoring/contract.py.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from scoring.contract import Collect
from scoring.core.collecting import Record
from scoring.core.log import log
from scoring.core.settings import Replica
from scoring.counters.telemetry import COLLECTED, DROPPED, Counters
from scoring.observers.collected_files import CollectedFiles
from scoring.observers.collected_rows import request_row, script_row

if TYPE_CHECKING:
    from scoring.core.request import Request
    from scoring.engine.outcome import Outcome

MAX_QUEUED_ROWS = 2000  # that may wait to be written
MAX_QUEUED_BYTES = 32 * 1024 * 1024  # of requests and answers that may wait
BATCH_ROWS = 200  # rows written with one call
FLUSH_SECONDS = 1.0
Row = tuple[int, Callable[[], bytes]]  # bytes held, and how to write it


class Collector:
    """Takes rows on the loop and in the script's threads; one thread writes them."""

    def __init__(self, replica: Replica, settings: Collect, counters: Counters, slot: int) -> None:
        self._settings = settings
        self._revision = replica.run.revision
        self._cells = counters.cells
        self._random = Random()  # noqa: S311 - its own, so that a script's seed stays the script's
        self._files = CollectedFiles(replica.folder / "collected", slot, settings, counters.file.workers)
        self._queue: deque[Row] = deque()
        self._queued_bytes = 0
        self._lock = threading.Lock()
        self._wake_up = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._write_all, name="collector", daemon=True)
        self._thread.start()

    def on_response(self, request: "Request", outcome: "Outcome") -> None:
        """A request has been answered: keep it, if it is one of the sample and was no error."""
        if outcome.status >= 400 or self._random.random() >= self._settings.fraction:
            return
        answer, moment = outcome.answer, time.time()
        size = len(request.body) + (len(answer) if isinstance(answer, bytes) else len(answer.body))
        self._enqueue(size, lambda: request_row(request, outcome, self._settings, self._revision, moment))

    def collect(self, record: Record) -> None:
        """A row that the script collects itself, written at once, for its lists are the script's to change."""
        try:
            line = script_row(record, self._revision)
        except TypeError as error:
            log(f"a record of the script cannot be kept: {error}", "W")
            with self._lock:
                self._cells[DROPPED] += 1
        else:
            self._enqueue(len(line), lambda: line)

    def close(self) -> None:
        """Write what is queued, for a limited time."""
        self._stopping = True
        self._wake_up.set()
        self._thread.join(FLUSH_SECONDS)

    def _enqueue(self, size: int, write: Callable[[], bytes]) -> None:
        with self._lock:
            if len(self._queue) >= MAX_QUEUED_ROWS or self._queued_bytes + size > MAX_QUEUED_BYTES:
                self._cells[DROPPED] += 1
                return
            self._queued_bytes += size
            self._queue.append((size, write))
        self._wake_up.set()

    def _write_all(self) -> None:
        self._log_disk_errors(self._files.recover)
        while not (self._stopping and not self._queue):
            self._wake_up.wait(min(self._settings.seconds, 1.0))
            self._wake_up.clear()
            while self._queue:
                self._log_disk_errors(self._write_batch)
            self._log_disk_errors(self._files.complete_if_old)
        self._log_disk_errors(self._files.complete)

    def _log_disk_errors(self, step: Callable[[], None]) -> None:
        try:
            step()
        except OSError as error:  # the disk's trouble must not end the thread
            log(f"collected data: {error}", "E")

    def _write_batch(self) -> None:
        lines, taken = [], [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_ROWS))]
        for _, write in taken:
            try:
                lines.append(write())
            except Exception as error:  # one row that cannot be written is no reason to lose the others
                log(f"a row could not be collected: {error!r}", "E")
        written = self._files.append(lines)
        with self._lock:
            self._queued_bytes -= sum(size for size, _ in taken)
            self._cells[COLLECTED] += written
            self._cells[DROPPED] += len(taken) - written
