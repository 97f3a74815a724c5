"""A client's connection: requests in order, bodies passed on as they come, back-pressure, time limits."""

import asyncio
import os
import socket
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, cast

import httptools

from scoring.core.errors import ScoringError, not_http, too_large
from scoring.front.exchange import CUT, Exchange
from scoring.front.heads import (
    CHUNKED,
    END,
    HEADER_BYTES,
    Answered,
    Head,
    Peer,
    forwarded_lines,
    is_v2_address,
    parse_head,
)
from scoring.http.serializer import CONTINUE, LAST_CHUNK, chunk

if TYPE_CHECKING:
    from scoring.front.front import Front

HEADER_SECONDS = 20.0  # from the first byte of a request to the end of its headers
BODY_IDLE_SECONDS = 30.0  # without a byte, in the middle of a body
WRITE_IDLE_SECONDS = 60.0  # a client that does not read its answer
KEEP_ALIVE_SECONDS = 120.0
LINGER_SECONDS = 2.0  # how long a refused body is discarded, so that the client reads the refusal
HEAD_OF_CHUNKS = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
PIPELINED_BYTES = 256 * 1024  # of further requests that are kept before reading stops
UNREAD_BYTES = 256 * 1024  # of answers that wait for a client to read on; beyond, their replica has to wait
SLOWEST_BYTES = 16 * 1024  # in the idle time of a body or an answer; less, and the client keeps others from a replica
MOST_SPLITS = 64  # of a piece of a chunked body, see there


class ChunkedBody:
    """Decodes a chunked body and frames it anew. `rest`: what follows it, once it is complete.

    The parser does not say where a body ends, so that it is given no more than that could be: bodies end with an empty
    line. Where a piece has very many of those, what follows the body in it is lost (`overrun`).
    """

    def __init__(self, most: int) -> None:
        self.complete = self.overrun = False
        self.rest = b""
        self._tail = b""  # of what the parser has got: an empty line may come in parts
        self._pieces: list[bytes] = []
        self._limit = self._most = most
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(HEAD_OF_CHUNKS)  # the request's own may offer an upgrade, after which no body is read

    def feed(self, data: bytes) -> bytes:
        """What goes to the replica. ScoringError for a body that is too large or wrong."""
        self._pieces.clear()
        at, splits, data = len(self._tail), 0, self._tail + data
        while at < len(data) and not self.complete:
            found = data.find(END, max(at - len(END) + 1, 0)) if splits < MOST_SPLITS else -1
            end = found + len(END) if found >= 0 else len(data)
            self._parse(data[at:end])
            at, splits = end, splits + 1
        self._tail, self.rest = data[1 - len(END) :], data[at:]
        written = b"".join(map(chunk, filter(None, self._pieces)))
        return written + LAST_CHUNK if self.complete else written

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.overrun:
                raise not_http(error) from error

    def on_body(self, piece: bytes) -> None:
        self._most -= len(piece)
        if self._most < 0:
            raise too_large(self._limit)
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self.complete = True

    def on_message_begin(self) -> None:
        if self.complete:
            self.overrun = True
            raise ScoringError(400, "bad_http", "Another request follows.")


class Downstream(asyncio.Protocol):
    """`exchange` is the request under way. `started`: when the unfinished request began, 0 between requests."""

    __slots__ = (
        "_arrived",
        "_buffer",
        "_chunks",
        "_forwarded",
        "_front",
        "_left",
        "_lingers",
        "_paused",
        "_peer",
        "_rereads",
        "_transport",
        "_unsent",
        "closing",
        "exchange",
        "half_closed",
        "is_fresh",
        "is_write_paused",
        "last_active",
        "started",
    )  # fmt: skip

    def __init__(self, front: "Front", *, tls: bool) -> None:
        self._front = front
        self._peer = Peer(b"", tls)
        self._buffer = b""
        self._left = 0  # bytes of the body still to come
        self._arrived = 0  # bytes of it since `last_active`
        self._chunks: ChunkedBody | None = None
        self._paused = self._rereads = self._lingers = False
        self._unsent = 0
        self.exchange: Exchange | None = None
        self.closing = self.half_closed = self.is_write_paused = False
        self.is_fresh = True  # nothing of it has been answered yet
        self.started = 0.0
        self.last_active = monotonic()

    # -- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        self._peer = self._front.peer(name[0] if name else "", tls=self._peer.tls)
        self._forwarded = forwarded_lines(self._peer)
        self._transport.set_write_buffer_limits(UNREAD_BYTES)
        self._front.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = self.half_closed = True
        exchange, self.exchange = self.exchange, None
        if exchange is not None and not exchange.over:
            exchange.abandon()
        self._front.closed(self)

    def data_received(self, data: bytes) -> None:
        if self.exchange is None and not self.is_write_paused:
            if not self.closing:
                self._read(self._buffer + data if self._buffer else data)
        elif self.exchange is not None and (self._left or self._chunks is not None):
            self._read_body(self.exchange, data)
        elif not self.closing:
            self._buffer += data
            if len(self._buffer) > PIPELINED_BYTES:
                self.pause()

    def eof_received(self) -> bool:
        """A client may close its sending side and still wait for its answer; not in the middle of a request."""
        self.half_closed = True
        if self.exchange is not None and self.exchange.complete:
            self.closing = self.closing or not self._buffer
            return True
        return self.exchange is None and self.is_write_paused and bool(self._buffer)

    def pause_writing(self) -> None:
        self.is_write_paused = True
        self._unsent = 0
        self.last_active = monotonic()
        if self.exchange is not None and self.exchange.upstream is not None:
            self.exchange.upstream.pause()

    def resume_writing(self) -> None:
        self.is_write_paused = False
        if self.exchange is not None and self.exchange.upstream is not None:
            self.exchange.moved = monotonic()
            self.exchange.upstream.resume()
        elif self.exchange is None:
            self._go_on()

    # -- what an exchange calls

    def lines(self, exchange: Exchange) -> bytes:
        """Headers to add to the answer."""
        head = exchange.head
        if (
            self._front.draining
            or (self.half_closed and not self._buffer)
            or not head.keep_alive
            or not exchange.complete
        ):
            self.closing = True
            return exchange.revision.answer_lines + b"\r\nconnection: close"
        return (
            exchange.revision.answer_lines + b"\r\nconnection: keep-alive"
            if head.is_old
            else exchange.revision.answer_lines
        )

    def take_part(self, part: bytes) -> None:
        """A piece of the answer."""
        if not self._transport.is_closing():
            self._transport.write(part)

    def take_end(self, exchange: Exchange, closes: bool) -> None:
        """The answer is complete; go on with the next request."""
        self.exchange = None
        self.closing = self.closing or closes
        if self.closing:
            self._close(lingers=not exchange.complete)
            return
        self.last_active = monotonic()
        self.is_fresh = False
        if self._paused or self._buffer:
            self._go_on()

    def _go_on(self) -> None:
        """Further requests may be read, but while the client does not read the answers to those before."""
        if self.is_write_paused or self.closing:
            return
        self.resume()
        if self._buffer and not self._rereads:
            self._read_again()

    def refuse(self, exchange: Exchange, error: ScoringError) -> None:
        """The front answers."""
        self.exchange = exchange  # it may not have been taken note of yet
        lines = self.lines(exchange)[2:] + b"\r\n"
        head = exchange.head
        self.take_part(self._front.refusal(error, lines, is_v2=head.is_v2, is_head=head.is_head))
        self.take_end(exchange, False)

    def cut(self) -> None:
        """The client must see that there is no rest of the answer."""
        self.exchange = None
        self.abort()

    def pause(self) -> None:
        """Read no more for now."""
        if not self._paused:
            self._paused = True
            self.last_active = monotonic()
            self._transport.pause_reading()

    def resume(self) -> None:
        """Go on reading."""
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    # -- time limits

    @property
    def is_active(self) -> bool:
        """Whether it waits for an answer, or has one on its way; one that has been refused makes room first."""
        if self._lingers:
            return False
        return (self.exchange is not None and self.exchange.complete) or self.is_write_paused or self.closing

    def abort(self) -> None:
        """Close at once."""
        self.closing = True
        self._transport.abort()
        self._front.closed(self)  # there is room for another one at once

    def sweep(self, now: float, idle_seconds: float = KEEP_ALIVE_SECONDS) -> None:
        """Enforce the time limits; called about once a second."""
        exchange = self.exchange
        if self.is_write_paused:
            self._sweep_unread(now)
        elif self._lingers:
            pass  # its end is near
        elif exchange is not None:
            self._sweep_exchange(exchange, now)
        elif self.started:
            if now - self.started > HEADER_SECONDS:
                self.fail(ScoringError(408, "too_slow", "The request did not arrive in time."))
        elif now - self.last_active > idle_seconds and not self._has_unread():
            self.abort()

    def _has_unread(self) -> bool:
        """Whether a request has arrived that the loop has not read yet: closing now would lose it."""
        number = self._transport.get_extra_info("socket").fileno()
        with suppress(OSError), socket.socket(fileno=os.dup(number)) as same:
            return bool(same.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        return False

    def _sweep_unread(self, now: float) -> None:
        unsent = self._transport.get_write_buffer_size()
        if not self._unsent or unsent + SLOWEST_BYTES <= self._unsent:
            self.last_active, self._unsent = now, unsent
        elif now - self.last_active > WRITE_IDLE_SECONDS:
            self._transport.abort()

    def _sweep_exchange(self, exchange: Exchange, now: float) -> None:
        limit = exchange.head.service.settings.scoring_timeout_seconds
        if exchange.complete or self._paused:
            if exchange.sent and now - exchange.moved > limit:
                exchange.give_up()
        elif now - self.last_active > BODY_IDLE_SECONDS:
            self.fail(ScoringError(408, "too_slow", "The request did not arrive in time."))

    # -- reading

    def _read_again(self) -> None:
        """Further requests have arrived meanwhile. In a loop, as each may be refused at once."""
        self._rereads = True
        while self._buffer and self.exchange is None and not self.closing and not self.is_write_paused:
            data, self._buffer = self._buffer, b""
            self._read(data)
            if len(self._buffer) >= len(data):  # no whole head
                break
        self._rereads = False

    def _read(self, data: bytes) -> None:
        """A request begins here."""
        end = data.find(END)
        if end < 0:
            self._buffer = data = data.lstrip(b"\r\n")
            if not data:
                return
            if not self.started:
                self.started = monotonic()
            if len(data) > HEADER_BYTES:
                self.fail(_headers_too_large(), data)
            return
        head = self._front.heads.known.get(data[:end])
        if head is None and data.startswith(b"\r\n"):  # old clients end a body with an empty line (RFC 9112, 2.2)
            self._read(data.lstrip(b"\r\n"))
            return
        if head is None or head.table is not self._front.table or head.ends < self._front.now:
            head = self._parse(data[: end + 4])
            if head is None:
                return
        self.started = 0.0
        self._buffer = b""
        self._begin(head, data, end + 4)

    def _begin(self, head: Head, data: bytes, at: int) -> None:
        size, length = len(data) - at, head.length
        if length == CHUNKED:
            self._begin_chunked(head, data, at)
            return
        if size > length:
            self._buffer = data[at + length :]
            data = data[: at + length]
            size = length
        self.exchange = exchange = self._front.dispatcher.begin(
            self, head, self._forwarded_of(head), data[at:], complete=size == length
        )
        self._left = length - size
        if self._left:
            self.last_active = monotonic()
            if head.expects:
                self._transport.write(CONTINUE)
        self._front.dispatch(exchange)

    def _forwarded_of(self, head: Head) -> bytes:
        if not self._peer.trusted:
            return self._forwarded
        return forwarded_lines(self._peer, head.said_for, head.said_proto)

    def _begin_chunked(self, head: Head, data: bytes, at: int) -> None:
        self.exchange = exchange = self._front.dispatcher.begin(
            self, head, self._forwarded_of(head), b"", complete=False
        )
        self.last_active = monotonic()
        self._chunks = ChunkedBody(head.service.settings.max_body_bytes)
        if head.expects and at == len(data):
            self._transport.write(CONTINUE)
        if at < len(data):
            self._read_body(exchange, data[at:])
        if self.exchange is exchange and not exchange.over:
            self._front.dispatch(exchange)

    def _read_body(self, exchange: Exchange, data: bytes) -> None:
        self._arrived += len(data)
        if self._arrived >= SLOWEST_BYTES or not exchange.occupies:
            self._arrived = 0
            self.last_active = monotonic()
        if self._chunks is not None:
            self._read_chunks(exchange, self._chunks, data)
            return
        if len(data) > self._left:
            self._buffer = data[self._left :]
            data = data[: self._left]
        self._left -= len(data)
        exchange.add(data, complete=not self._left)

    def _read_chunks(self, exchange: Exchange, chunks: ChunkedBody, data: bytes) -> None:
        try:
            written = chunks.feed(data)
        except ScoringError as error:
            self.fail(error)
            return
        if chunks.complete:
            self._chunks, self._buffer = None, chunks.rest
            self.closing = self.closing or chunks.overrun  # what follows was not kept: its sender is told by the close
        if written:
            exchange.add(written, complete=chunks.complete)

    def _parse(self, raw: bytes) -> Head | None:
        try:
            if len(raw) > HEADER_BYTES:
                raise _headers_too_large()
            head = parse_head(raw, self._front.table, is_public=self._front.is_public)
        except ScoringError as error:
            self.fail(error, raw)
            return None
        except Answered as found:
            self._transport.write(self._front.health(found.is_head))
            self._buffer, self.started = b"", 0.0
            self.closing = True
            self._close(lingers=False)
            return None
        self._front.heads.add(raw[:-4], head)
        return head

    # -- closing

    def fail(self, error: ScoringError, raw: bytes = b"") -> None:
        """Answer with an error and close; for a moment the rest of what the client sends is discarded. `raw`: what
        there is of the head of a request that is refused."""
        self.closing = True
        self.started = 0.0
        raw = raw or self._buffer
        exchange, self.exchange = self.exchange, None
        answering = exchange is not None and exchange.answering
        if exchange is not None and not exchange.over:
            exchange.abandon(CUT if answering else error.status)
        if answering:
            self.abort()
            return
        if exchange is not None:
            is_v2, is_head = exchange.head.is_v2, exchange.head.is_head
        else:
            is_v2, is_head = is_v2_address(raw, self._front.table), raw.startswith(b"HEAD ")
        self.take_part(self._front.refusal(error, b"connection: close\r\n", is_v2=is_v2, is_head=is_head))
        self._close(lingers=True)

    def _close(self, *, lingers: bool) -> None:
        self._left, self._chunks, self._buffer = 0, None, b""
        if not lingers:
            self._transport.close()
            return
        self._lingers, self.last_active = True, 0.0  # longest idle, where somebody has to make room
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.resume()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._end_lingering)

    def _end_lingering(self) -> None:
        self._lingers, self.last_active = False, monotonic()
        self._transport.close()


def _headers_too_large() -> ScoringError:
    return ScoringError(
        431, "headers_too_large", f"The address and headers are larger than {HEADER_BYTES // 1024} KiB."
    )
