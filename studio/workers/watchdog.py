"""Ends a worker that is alive but has stopped consuming messages, so that its supervisor restarts it.

When the broker dies at an unlucky moment, Celery's Redis transport can stop consuming for good: an acknowledgement
that fails keeps its place in the prefetch window, a full window stops the reading, and only the reading would
notice that the connection is lost. All work is in rows and leases, so a new start costs a second.
"""

import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import Any

from celery import bootsteps

from studio.core.broker import messages_waiting

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between two checks
NOT_CONSUMING_LIMIT = 5  # checks in a row at which messages waited, nothing was worked on, and none was taken
STUCK_LIMIT = 15  # checks in a row between which the worker's event loop did not run


@dataclass
class Liveness:
    """Pure: counts the checks that a worker failed. Checks, not seconds: a worker that was frozen gets its chance."""

    taken: int = 0
    iterations: int = 0
    not_consuming: int = 0
    stuck: int = 0

    def check(self, *, waiting: int, busy: bool, taken: int, iterations: int) -> str:
        """What is wrong with the worker; empty when nothing is. `taken` and `iterations` only grow."""
        self.not_consuming = self.not_consuming + 1 if waiting and not busy and taken == self.taken else 0
        self.stuck = self.stuck + 1 if iterations == self.iterations else 0
        self.taken, self.iterations = taken, iterations
        if self.not_consuming >= NOT_CONSUMING_LIMIT:
            return f"{waiting} messages wait and none is consumed"
        return "its event loop does not run" if self.stuck >= STUCK_LIMIT else ""


class Watchdog(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Checks from a thread of the worker's main process: the event loop may be what hangs."""

    requires = {"celery.worker.components:Timer"}

    def start(self, worker: Any) -> None:
        self.iterations = 0
        self.timer = worker.timer.call_repeatedly(EVERY, self._count, priority=10)
        queues = list(worker.app.amqp.queues.consume_from)
        threading.Thread(target=self._watch, args=(queues,), name="watchdog", daemon=True).start()

    def stop(self, worker: Any) -> None:
        self.timer.cancel()

    def _count(self) -> None:
        self.iterations += 1

    def _watch(self, queues: list[str]) -> None:
        from celery.worker import state  # late: only workers need it

        liveness = Liveness()
        # A worker that was asked to stop only finishes what it has, and its event loop stands still.
        while state.should_stop is None and state.should_terminate is None:
            time.sleep(EVERY)
            taken, busy = sum(state.total_count.values()), bool(state.active_requests)
            wrong = liveness.check(waiting=messages_waiting(queues), busy=busy, taken=taken, iterations=self.iterations)
            if wrong:
                log.error("this worker hangs (%s) and exits to be restarted", wrong)
                os._exit(1)
