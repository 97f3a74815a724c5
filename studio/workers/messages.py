"""What workers take from the broker: a message that cannot be read is logged and dropped.

Kombu's Redis transport lets the error of such a message end the worker. Only what the studio itself sends has to be
understood here (Celery's second protocol, JSON, neither compressed nor stamped), so a message is checked whole before
Celery sees it, and of its headers only those go on that are used.
"""

import logging
from datetime import UTC, datetime
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis, virtual

log = logging.getLogger(__name__)


class Unreadable(ValueError):
    """Not a message that the studio has sent; the text says what is wrong."""


class Message(virtual.Message):  # type: ignore[misc]  # Kombu has no types
    """A task message with the headers `task`, `id`, `eta` and `expires`; Unreadable when it is none."""

    def __init__(self, payload: dict[str, Any], channel: Any = None, **options: Any) -> None:
        try:
            super().__init__(payload | {"headers": _checked_headers(payload["headers"])}, channel, **options)
            self._check()
        except Unreadable:
            raise
        except Exception as reason:  # whatever a value of the wrong type leads to
            raise Unreadable(f"{type(reason).__name__}: {reason}") from reason

    def _check(self) -> None:
        if self.content_type != "application/json":
            raise Unreadable(f"its content type is {self.content_type!r}")
        match self.delivery_tag, self.delivery_info:
            case str(), {"exchange": str(), "routing_key": str()}:
                pass
            case _:
                raise Unreadable("it does not say how it was delivered")
        match self.decode():
            case [list(), dict(), dict()]:
                pass
            case _:
                raise Unreadable("its body does not hold the arguments of a task")


def _checked_headers(headers: dict[str, Any]) -> dict[str, Any]:
    names = {name: headers[name] for name in ("task", "id")}
    if not all(isinstance(value, str) for value in names.values()):
        raise Unreadable("its task or id is not a text")
    moments = {name: headers[name] for name in ("eta", "expires") if headers.get(name) is not None}
    for moment in moments.values():
        datetime.fromisoformat(moment).astimezone(UTC)
    return names | moments


class Channel(redis.Channel):  # type: ignore[misc]  # Kombu has no types
    """Reads on after a message that cannot be read. The broker has already removed that."""

    Message = Message

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (Empty, *self.connection_errors, *self.connection.channel_errors):
            raise
        except Exception as reason:  # also of Kombu's JSON, whose types have readers of their own
            log.error("dropped a message that cannot be read: %.200s", reason)
            raise Empty from None


class Transport(redis.Transport):  # type: ignore[misc]  # Kombu has no types
    Channel = Channel


def drop_unreadable_messages() -> None:
    """Have the connections that this process opens from now on read with `Channel`."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
