"""Heartbeats of workers and clock: keys in the broker that expire unless they are renewed."""

import logging
import os
from collections.abc import Iterable
from typing import Any

from celery import bootsteps

from studio.core.broker import broker_errors, connection
from studio.core.queues import QUEUES

log = logging.getLogger(__name__)

CLOCK = "clock"
EXPECTED = (*QUEUES, CLOCK)
EVERY, EXPIRES = 2.0, 8  # seconds


class BrokerUnavailable(Exception):
    """The broker does not respond."""


def _key(name: str) -> str:
    """Each start of the whole studio has its own keys: what the last one left in the broker proves nothing."""
    return f"slipway:alive:{os.environ.get('SLIPWAY_RUN', '')}:{name}"


def beat(names: Iterable[str]) -> None:
    """Renew the keys of `names`. Does nothing when the broker is unavailable: then nothing could read them either."""
    try:
        pipeline = connection().pipeline(transaction=False)
        for name in names:
            pipeline.set(_key(name), 1, ex=EXPIRES)
        pipeline.execute()
    except broker_errors() as reason:
        log.debug("no heartbeat: %s", reason)


def missing_programs() -> list[str]:
    """Which of the expected workers and the clock have no key; BrokerUnavailable when that cannot be known."""
    try:
        values: Any = connection().mget([_key(name) for name in EXPECTED])
    except broker_errors() as reason:
        raise BrokerUnavailable(str(reason)) from reason
    return [name for name, value in zip(EXPECTED, values, strict=True) if value is None]


class WorkerHeartbeat(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """A Celery worker beats for the queues it consumes, from its main process: a busy child changes nothing."""

    requires = {"celery.worker.components:Timer"}

    def start(self, worker: Any) -> None:
        queues = list(worker.app.amqp.queues.consume_from)
        beat(queues)
        self.timer = worker.timer.call_repeatedly(EVERY, beat, (queues,), priority=10)

    def stop(self, worker: Any) -> None:
        self.timer.cancel()
