"""Data collection: sampled requests and answers, written by a thread to files of rows in run/collected/.

The way of a request ends at a queue of bounded rows and bytes; what finds no room is counted and dropped. What the
files hold is told in scoring/contract.py.
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
from scoring.observers.collected_rows import of_record, of_request

if TYPE_CHECKING:
    from scoring.core.request import Request
    from scoring.engine.outcome import Outcome

MOST_ROWS = 2000  # that may wait to be written
MOST_BYTES = 32 * 1024 * 1024  # of requests and answers that may wait
AT_ONCE = 200  # rows written with one call
FINISH_SECONDS = 1.0
Row = tuple[int, Callable[[], bytes]]  # bytes held, and how to write it


class Collector:
    """Takes rows on the loop and in the script's threads; one thread writes them."""

    def __init__(self, replica: Replica, settings: Collect, counters: Counters, slot: int) -> None:
        self._settings = settings
        self._revision = replica.run.revision
        self._cells = counters.cells
        self._chance = Random()  # noqa: S311 - its own, so that a script's seed stays the script's
        self._files = CollectedFiles(replica.folder / "collected", slot, settings, counters.file.workers)
        self._waiting: deque[Row] = deque()
        self._held = 0  # bytes
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._write_all, name="collector", daemon=True)
        self._thread.start()

    def ended(self, request: "Request", outcome: "Outcome") -> None:
        """A request has been answered: keep it, if it is one of the sample and was no error."""
        if outcome.status >= 400 or self._chance.random() >= self._settings.fraction:
            return
        answer, moment = outcome.answer, time.time()
        size = len(request.body) + (len(answer) if isinstance(answer, bytes) else len(answer.body))
        self._offer(size, lambda: of_request(request, outcome, self._settings, self._revision, moment))

    def take(self, record: Record) -> None:
        """A row that the script collects itself, written at once, for its lists are the script's to change."""
        try:
            line = of_record(record, self._revision)
        except TypeError as error:
            log(f"a record of the script cannot be kept: {error}", "W")
            with self._lock:
                self._cells[DROPPED] += 1
        else:
            self._offer(len(line), lambda: line)

    def close(self) -> None:
        """A moment to write what waits."""
        self._stopping = True
        self._news.set()
        self._thread.join(FINISH_SECONDS)

    def _offer(self, size: int, write: Callable[[], bytes]) -> None:
        with self._lock:
            if len(self._waiting) >= MOST_ROWS or self._held + size > MOST_BYTES:
                self._cells[DROPPED] += 1
                return
            self._held += size
            self._waiting.append((size, write))
        self._news.set()

    def _write_all(self) -> None:
        self._guarded(self._files.adopt)
        while not (self._stopping and not self._waiting):
            self._news.wait(min(self._settings.seconds, 1.0))
            self._news.clear()
            while self._waiting:
                self._guarded(self._write_some)
            self._guarded(self._files.complete_if_due)
        self._guarded(self._files.complete)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except OSError as error:  # the disk's trouble must not end the thread
            log(f"collected data: {error}", "E")

    def _write_some(self) -> None:
        lines, taken = [], [self._waiting.popleft() for _ in range(min(len(self._waiting), AT_ONCE))]
        for _, write in taken:
            try:
                lines.append(write())
            except Exception as error:  # one row that cannot be written is no reason to lose the others
                log(f"a row could not be collected: {error!r}", "E")
        written = self._files.append(lines)
        with self._lock:
            self._held -= sum(size for size, _ in taken)
            self._cells[COLLECTED] += written
            self._cells[DROPPED] += len(taken) - written
