"""A connection to a replica. It carries one request at a time and is kept for the next."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

from scoring.front.answers import AnswerReader, Garbage, whole_body
from scoring.front.heads import END
from scoring.front.repeat import Failure
from scoring.front.state import Replica

if TYPE_CHECKING:
    from scoring.front.exchange import Exchange


class Upstream(asyncio.Protocol):
    """`exchange` is what it carries; `fresh` until it has carried one; `is_write_paused`: the replica does not read."""

    __slots__ = ("_is_paused", "_reader", "_transport", "exchange", "fresh", "is_write_paused", "replica", "since")

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.exchange: Exchange | None = None
        self.fresh = True
        self.is_write_paused = self._is_paused = False
        self.since = monotonic()  # when it became idle
        self._reader: AnswerReader | None = None

    # -- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:  # nobody asked
            self.close()
        elif self._reader is None and exchange.is_simple and (end := data.find(END)) > 0 and (
            whole_body(data[:end]) == len(data) - end - 4
        ):  # fmt: skip
            self.exchange = None
            self.fresh = False
            exchange.answered_whole(self, data, end)
        else:
            self._read(exchange, data)

    def eof_received(self) -> bool:
        return False  # close

    def connection_lost(self, exc: Exception | None) -> None:
        exchange, self.exchange = self.exchange, None
        if self in self.replica.idle:
            self.replica.idle.remove(self)
        if exchange is None:
            return
        if self._reader is not None and self._reader.end():
            exchange.answered_end(None)
        elif self._reader is None and not self.fresh:
            exchange.fail(Failure.STALE)
        else:
            exchange.fail(Failure.BROKEN)

    def pause_writing(self) -> None:
        self.is_write_paused = True
        if self.exchange is not None:
            self.exchange.client.pause()

    def resume_writing(self) -> None:
        self.is_write_paused = False
        if self.exchange is not None:
            self.exchange.client.resume()

    # -- what an exchange calls

    def send(self, exchange: "Exchange", data: bytes) -> None:
        """Begin a request."""
        self.exchange = exchange
        self._reader = None
        self._transport.write(data)

    def write(self, data: bytes) -> None:
        """Go on with its body."""
        self._transport.write(data)

    def pause(self) -> None:
        """The client does not read."""
        self._is_paused = True
        self._transport.pause_reading()

    def resume(self) -> None:
        """It does again."""
        self._is_paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def rest(self) -> None:
        """Wait for the next request, which need not be of a client that does not read."""
        if self._is_paused:
            self.resume()
        self.since = monotonic()
        self.replica.idle.append(self)

    def close(self) -> None:
        """Close at once; what is under way is the caller's business."""
        self.exchange = None
        self._transport.abort()

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    def _read(self, exchange: "Exchange", data: bytes) -> None:
        if self._reader is None:
            self._reader = exchange.reader()
        reader = self._reader
        try:
            part = reader.feed(data)
        except Garbage:
            self.close()
            exchange.fail(Failure.GARBAGE)
            return
        if part:
            exchange.answered_part(reader, part)
        if reader.done:
            self.exchange = self._reader = None
            self.fresh = False
            keeps = reader.reusable and exchange.complete
            if not keeps:
                self._transport.abort()
            exchange.answered_end(self if keeps else None)
