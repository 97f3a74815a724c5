"""HTTP/1.1 on one connection: parse, limit, hand over, answer in order.

Parsing is llhttp's (through httptools). This file adds what a parser does not do: limits on size and time,
Expect, pipelining in order, back-pressure, and closing so that the client still reads the last answer.
"""

import asyncio
import os
from collections import deque
from contextlib import suppress
from time import monotonic, perf_counter_ns
from typing import Protocol, cast

import httptools

from scoring.core.errors import ScoringError, not_http, too_large
from scoring.core.request import Request
from scoring.http.head_cache import Head, Heads, without_upgrade
from scoring.http.replies import CONTINUE

HEADER_BYTES = 64 * 1024
HEADER_SECONDS = 20.0  # from the first byte of a request to the end of its headers
BODY_IDLE_SECONDS = 30.0  # without a byte, in the middle of a body
WRITE_IDLE_SECONDS = 60.0  # a client that does not read its answer
KEEP_ALIVE_SECONDS = 120.0
LINGER_SECONDS = 2.0  # how long a refused body is swallowed, so that the refusal is read
SHORT_LENGTH = 4  # digits of a length that needs no look before the body comes
MOST_UNKNOWN = 64  # heads in a row, after which a client is thought never to send the same one twice
MOST_WAITING = 32  # pipelined requests held back before reading stops


class Handler(Protocol):
    """What a connection needs of the application."""

    max_body: int  # bytes
    heads: Heads
    draining: bool

    def admit(self, request: Request, length: int | None) -> None:
        """Look at the headers before the body comes, of a length or unknown; raise ScoringError to refuse."""

    def handle(self, request: Request) -> bytes | None:
        """The response, or None when it will come through `connection.answer`."""

    def refuse(self, request: Request | None, error: ScoringError) -> bytes:
        """The response to a request that could not be read to its end."""

    def opened(self, connection: "Connection") -> None: ...

    def closed(self, connection: "Connection") -> None: ...


class Stream(Protocol):
    """What an answer in parts is told of its connection."""

    def resumed(self) -> None: ...

    def lost(self) -> None: ...


class Connection(asyncio.Protocol):
    """One client connection."""

    __slots__ = (
        "_chunks", "_declined", "_handler", "_header_bytes", "_headers", "_reading", "_request", "_size", "_transport",
        "_unknown", "_unsent", "_url", "_waiting", "arrived", "at_address", "busy", "closing", "gone", "heard", "left",
        "parser", "paused", "started", "stream",
    )  # fmt: skip

    def __init__(self, handler: Handler, *, at_address: bool = False) -> None:
        self._handler = handler
        self.at_address = at_address  # the service's address, which may pass to another replica while this one lives on
        self._waiting: deque[Request] = deque()
        self._request: Request | None = None
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._reading = 0
        self._url = b""
        self._chunks: list[bytes] = []
        self._size = 0
        self.paused = False  # the client does not read
        self._unsent = 0  # bytes that it had not taken at the last look
        self.busy = False  # an answer is being made elsewhere
        self.stream: Stream | None = None  # the answer that is being sent in parts
        self.closing = False  # no further request is read
        self.gone = False  # nothing can be sent any more
        self.left = False  # nothing more will come
        self.started = 0.0  # when the unfinished request began; 0 between requests
        self.heard = monotonic()
        self.arrived = 0
        self.parser = httptools.HttpRequestParser(self)
        self._unknown = 0  # how many heads in a row were
        self._declined = b""  # the head of a request that offers another protocol, without that offer

    # -- the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._handler.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = self.left = self.closing = True
        self._waiting.clear()
        if self.stream is not None:
            self.stream.lost()
            self.stream = None
        self._handler.closed(self)

    def pause_writing(self) -> None:
        self.paused = True
        self._unsent = 0
        self.heard = monotonic()
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.paused = False
        if self.stream is not None:
            self.stream.resumed()
        self._proceed()

    def eof_received(self) -> bool:
        """A client may close its sending side and still wait for what is being answered.

        It may also have gone for good, which looks the same: what has not yet begun to run will not.
        """
        self.left = True
        if self.busy or self._waiting:
            self.closing = True
            return True
        return False

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        self.arrived = perf_counter_ns()
        self.heard = self.arrived / 1e9  # the same clock as monotonic()
        if self.started or self._unknown >= MOST_UNKNOWN:
            self._parse(data)
        elif (head := self._handler.heads.find(data)) is None:
            self._unknown += 1
            self._parse(data)
            self._remember(data)
        else:
            self._unknown = 0
            self._receive(head, data)

    def _parse(self, data: bytes) -> None:
        while data:
            self._reading, before = len(data), (self._request, self._size)
            try:
                self.parser.feed_data(data)
                if self.started:
                    self._count_what_is_no_body(len(data), before)
                return
            except httptools.HttpParserUpgrade as stopped:
                data = self._without_offer(data[stopped.args[0] :])
            except httptools.HttpParserError as error:
                self.fail(not_http(error))
                return
            except ScoringError as error:
                self.fail(error)
                return

    def _receive(self, head: Head, data: bytes) -> None:
        """A whole request, whose head is known."""
        request = self._request = Request(self, head.method, head.target, head.headers)
        if head.length:
            request.body = data[-head.length :]
        self._take(request)

    def _remember(self, data: bytes) -> None:
        """Know the head of what has just been parsed the next time, if it was one request and nothing else."""
        request = self._request
        if request is None or self.started or self.closing:
            return
        if request.keep_alive and self.parser.get_http_version() == "1.1":
            head = Head(request.method, self._url, self._headers, self._size)
            self._handler.heads.remember(data, head, b"".join(self._chunks))

    def _without_offer(self, rest: bytes) -> bytes:
        """What is to be read after a request that offers another protocol, as if it had not (RFC 9110, 7.8).

        The parser takes what follows such a head for the other protocol, so a new one reads the head without the offer.
        """
        head, self._declined = self._declined, b""
        if head:
            self.parser = httptools.HttpRequestParser(self)
            return head + rest
        self.closing = True  # CONNECT, answered by on_message_complete: what follows is meant for another server
        self._close_when_done()
        return b""

    # -- the parser's side

    def on_message_begin(self) -> None:
        self._request = None
        self._headers = {}
        self._header_bytes = -self._reading  # what came in one piece with it may be other requests
        self._url = b""
        self._chunks = []
        self._size = 0
        self.started = self.heard

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._request is not None:
            return  # it comes after the body, when the headers have been acted upon (RFC 9110, 6.5.1)
        name = name.lower()
        if name in self._headers:
            value = self._headers[name] + b", " + value
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        headers = self._headers
        if self._header_bytes >= 0 or self._reading > HEADER_BYTES:  # they came in several pieces, or in a large one
            self._header_bytes = 0
            self._count_headers(len(self._url) + sum(len(name) + len(value) for name, value in headers.items()))
        request = self._request = Request(self, self.parser.get_method(), self._url, headers)
        request.keep_alive = self.parser.should_keep_alive()
        if b"upgrade" in headers and self.parser.should_upgrade() and request.method != b"CONNECT":
            self._declined = without_upgrade(request, self.parser.get_http_version())
            return
        length = headers.get(b"content-length", b"")
        unknown = b"transfer-encoding" in headers
        if len(length) > SHORT_LENGTH or unknown or b"expect" in headers:
            self._handler.admit(request, None if unknown else int(length or 0))
            if b"expect" in headers:
                self._expect(headers[b"expect"])

    def on_body(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._handler.max_body:
            raise too_large(self._handler.max_body)
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        request = self._request
        if request is None or self.closing or self._declined:
            return
        self.started = 0.0
        if chunks := self._chunks:
            request.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._take(request)

    def _take(self, request: Request) -> None:
        request.arrived = self.arrived
        if self.busy or self._waiting or self.paused:
            self._hold(request)
        else:
            self._start(request)

    # -- answering

    def answer(self, request: Request, response: bytes) -> None:
        """Send the response of a request that `handle` left open, then go on with the next."""
        self.busy = False
        if not self.gone:
            self._send(request, response)
            if self._waiting or self.closing:
                self._proceed()

    def write(self, part: bytes) -> None:
        """Send a part of an answer that `handle` left open."""
        if not self.gone:
            self._transport.write(part)

    def let_go(self) -> None:
        """This process is a forked copy: close the copied descriptor, and leave the connection to the original."""
        with suppress(OSError):  # it was closed between the two
            os.close(self._transport.get_extra_info("socket").fileno())

    def stop(self) -> None:
        """The server drains: finish what is being answered, close when nothing is."""
        if not self.busy and not self._waiting and not self.started:
            self.closing = True
            self._transport.close()

    @property
    def is_wanted(self) -> bool:
        """Whether it waits for an answer, or has one on its way."""
        return self.busy or bool(self._waiting) or self.paused or self.closing

    def abort(self) -> None:
        """Close at once."""
        self.closing = True
        self._transport.abort()

    def fail(self, error: ScoringError) -> None:
        """Answer and close; the rest of what the client sends is swallowed for a moment."""
        self.closing = True
        self.started = 0.0
        if self.busy or self._waiting:
            return  # an earlier answer is on its way; the connection ends after it
        self._transport.write(self._handler.refuse(self._request, error))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.close)

    def sweep(self, now: float) -> None:
        """Enforce the time limits; called about once a second."""
        quiet = now - self.heard
        if self.paused:
            unsent = self._transport.get_write_buffer_size()
            if unsent < self._unsent:
                self.heard = now
            elif quiet > WRITE_IDLE_SECONDS:
                self._transport.abort()
            self._unsent = unsent
        elif self.busy or self._waiting:  # it waits for us
            self.heard = now
            self.started = now if self.started else 0.0
        elif self.started:
            reading_headers = self._request is None
            if quiet > BODY_IDLE_SECONDS or (reading_headers and now - self.started > HEADER_SECONDS):
                self.fail(ScoringError(408, "too_slow", "The request did not arrive in time."))
        elif quiet > KEEP_ALIVE_SECONDS:
            self._transport.abort()  # not close(), which waits for a client that has not taken its last answer

    def _start(self, request: Request) -> None:
        response = self._handler.handle(request)
        if response is None:
            self.busy = True
        else:
            self._send(request, response)

    def _send(self, request: Request, response: bytes) -> None:
        self._transport.write(response)
        if not request.keep_alive or self._handler.draining:
            self.closing = True
            self._waiting.clear()
            self._transport.close()

    def _hold(self, request: Request) -> None:
        self._waiting.append(request)
        if len(self._waiting) >= MOST_WAITING:
            self._transport.pause_reading()

    def _proceed(self) -> None:
        while self._waiting and not (self.busy or self.paused or self.gone):
            self._start(self._waiting.popleft())
        if self.paused or self.gone:
            return
        if len(self._waiting) < MOST_WAITING and not self._transport.is_closing():
            self._transport.resume_reading()
        self._close_when_done()

    def _close_when_done(self) -> None:
        if self.closing and not self.busy and not self._waiting and not self._transport.is_closing():
            self._transport.close()

    def _expect(self, value: bytes) -> None:
        if value.lower() != b"100-continue":
            raise ScoringError(417, "bad_input", "Only `Expect: 100-continue` is understood.")
        if not self.busy and not self._waiting:
            self._transport.write(CONTINUE)

    def _count_what_is_no_body(self, size: int, before: tuple[Request | None, int]) -> None:
        """Limit headers, and what comes between and after the pieces of a body without adding to it."""
        if self._request is None or (self._request, self._size) == before:
            self._count_headers(size)
        else:
            self._header_bytes = 0

    def _count_headers(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > HEADER_BYTES:
            message = f"The address and headers are larger than {HEADER_BYTES // 1024} KiB."
            raise ScoringError(431, "headers_too_large", message)
