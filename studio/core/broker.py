"""The broker itself, asked directly: how much waits in a queue, and keys that expire."""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    import redis


@cache
def connection() -> "redis.Redis":
    """The broker, with time limits short enough for a health check."""
    import redis  # late: a quarter of a second that management commands do not need

    url = settings.REDIS_URL.replace("redis+socket://", "unix://")
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)


def broker_errors() -> type[Exception]:
    """What `connection()` raises when the broker is unavailable."""
    from redis import RedisError  # late, as in connection()

    return RedisError


def messages_waiting(queues: Iterable[str]) -> int:
    """How many messages no worker has taken yet; 0 while the broker is unavailable."""
    try:
        return sum(int(connection().llen(queue)) for queue in queues)  # type: ignore[arg-type]  # no promise of one
    except broker_errors():
        return 0
