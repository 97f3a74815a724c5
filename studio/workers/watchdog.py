"""Ends a worker that lives but hears nothing any more, so that its supervisor starts a new one.

When the broker dies at an unlucky moment, Celery's Redis transport can stay deaf for good: an acknowledgement
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

EVERY = 2.0  # seconds between two looks
DEAF = 5  # looks in a row at which messages waited, nothing was worked on, and none was taken
STUCK = 15  # looks in a row between which the worker's loop did not turn


@dataclass
class Watch:
    """Pure: looks at a worker and counts. Looks, not seconds: a worker that was frozen gets its chance."""

    taken: int = 0
    turns: int = 0
    deaf: int = 0
    stuck: int = 0

    def look(self, *, waiting: int, busy: bool, taken: int, turns: int) -> str:
        """What is wrong with the worker; empty when nothing is. `taken` and `turns` only grow."""
        self.deaf = self.deaf + 1 if waiting and not busy and taken == self.taken else 0
        self.stuck = self.stuck + 1 if turns == self.turns else 0
        self.taken, self.turns = taken, turns
        if self.deaf >= DEAF:
            return f"{waiting} messages wait and none is taken"
        return "its loop does not turn" if self.stuck >= STUCK else ""


class Watchdog(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Looks from a thread of the worker's main process: the loop may be what hangs."""

    requires = {"celery.worker.components:Timer"}

    def start(self, worker: Any) -> None:
        self.turns = 0
        self.timer = worker.timer.call_repeatedly(EVERY, self._turn, priority=10)
        queues = list(worker.app.amqp.queues.consume_from)
        threading.Thread(target=self._watch, args=(queues,), name="watchdog", daemon=True).start()

    def stop(self, worker: Any) -> None:
        self.timer.cancel()

    def _turn(self) -> None:
        self.turns += 1

    def _watch(self, queues: list[str]) -> None:
        from celery.worker import state  # late: only workers need it

        watch = Watch()
        # A worker that was asked to stop only finishes what it has, and its loop stands still.
        while state.should_stop is None and state.should_terminate is None:
            time.sleep(EVERY)
            taken, busy = sum(state.total_count.values()), bool(state.active_requests)
            wrong = watch.look(waiting=messages_waiting(queues), busy=busy, taken=taken, turns=self.turns)
            if wrong:
                log.error("this worker hangs (%s); it ends to be started anew", wrong)
                os._exit(1)
