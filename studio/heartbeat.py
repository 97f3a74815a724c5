"""Signs of life of workers and clock: keys in the broker that lapse when nobody renews them."""

import logging
import os
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from celery import bootsteps
from django.conf import settings

if TYPE_CHECKING:
    import redis

log = logging.getLogger(__name__)

CLOCK = "clock"
EXPECTED = ("quick", "heavy", CLOCK)
EVERY, LAPSES = 2.0, 8  # seconds


class BrokerAway(Exception):
    """The broker does not answer."""


@cache
def connection() -> "redis.Redis":
    """The broker, with time limits short enough for a health check."""
    import redis  # late: a quarter of a second that management commands do not need

    url = settings.REDIS_URL.replace("redis+socket://", "unix://")
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)


def _redis_errors() -> type[Exception]:
    from redis import RedisError  # late, as in connection()

    return RedisError


def _key(name: str) -> str:
    """Each start of the whole studio has its own keys: what the last one left in the broker proves nothing."""
    return f"slipway:alive:{os.environ.get('SLIPWAY_RUN', '')}:{name}"


def beat(names: Iterable[str]) -> None:
    """Say that `names` live. Silent when the broker is away: then nobody could read it either."""
    try:
        pipeline = connection().pipeline(transaction=False)
        for name in names:
            pipeline.set(_key(name), 1, ex=LAPSES)
        pipeline.execute()
    except _redis_errors() as reason:
        log.debug("no heartbeat: %s", reason)


def silent() -> list[str]:
    """Which of the expected workers and the clock have not been heard; BrokerAway when nobody can know."""
    try:
        values: Any = connection().mget([_key(name) for name in EXPECTED])
    except _redis_errors() as reason:
        raise BrokerAway(str(reason)) from reason
    return [name for name, value in zip(EXPECTED, values, strict=True) if value is None]


def messages_waiting(queues: Iterable[str]) -> int:
    """How many messages nobody has taken yet; 0 while the broker is away."""
    try:
        return sum(int(connection().llen(queue)) for queue in queues)  # type: ignore[arg-type]  # no promise of one
    except _redis_errors():
        return 0


class WorkerHeartbeat(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """A Celery worker beats for the queues it consumes, from its main process: a busy child changes nothing."""

    requires = {"celery.worker.components:Timer"}

    def start(self, worker: Any) -> None:
        queues = list(worker.app.amqp.queues.consume_from)
        beat(queues)
        self.timer = worker.timer.call_repeatedly(EVERY, beat, (queues,), priority=10)

    def stop(self, worker: Any) -> None:
        self.timer.cancel()
