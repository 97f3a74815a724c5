"""Flow control of one HTTP/1.1 connection: responses in order, back-pressure, time limits, closing.

It closes so that the client can still read the last response.
"""

import asyncio
import os
from collections import deque
from contextlib import suppress
from time import monotonic, perf_counter_ns
from typing import Protocol, cast

from scoring.core.errors import ScoringError
from scoring.http.parser import Limits, RequestParser
from scoring.http.request import HttpRequest
from scoring.http.serializer import CONTINUE

HEADER_SECONDS = 20.0  # from the first byte of a request to the end of its headers
BODY_IDLE_SECONDS = 30.0  # without a byte, in the middle of a body
WRITE_IDLE_SECONDS = 60.0  # a client that does not read its response
KEEP_ALIVE_SECONDS = 120.0
LINGER_SECONDS = 2.0  # how long a refused body is discarded, so that the client reads the refusal
MOST_WAITING = 32  # pipelined requests held back before reading stops


class Application(Limits, Protocol):
    """What answers the requests of connections."""

    draining: bool

    def handle(self, request: HttpRequest) -> bytes | None:
        """The response, or None when it will come through `Connection.answer`."""

    def refuse(self, request: HttpRequest | None, error: ScoringError) -> bytes:
        """The response to a request that could not be read to its end."""

    def opened(self, connection: "Connection") -> None: ...

    def closed(self, connection: "Connection") -> None: ...


class Stream(Protocol):
    """What a response in parts learns about its connection."""

    def resumed(self) -> None: ...

    def lost(self) -> None: ...


class Connection(asyncio.Protocol):
    """One client connection."""

    __slots__ = (
        "_handler", "_parser", "_transport", "_unsent", "_waiting", "arrived", "at_address", "busy", "closing",
        "disconnected", "half_closed", "is_write_paused", "last_active", "stream",
    )  # fmt: skip

    def __init__(self, handler: Application, *, at_address: bool = False) -> None:
        self._handler = handler
        self.at_address = at_address  # the service's address, which may pass to another replica while this one lives on
        self._waiting: deque[HttpRequest] = deque()
        self.is_write_paused = False  # the client does not read
        self._unsent = 0  # bytes that it had not taken at the last sweep
        self.busy = False  # a response is being made elsewhere
        self.stream: Stream | None = None  # the response that is being sent in parts
        self.closing = False  # no further request is read
        self.disconnected = False  # nothing can be sent any more
        self.half_closed = False  # the client will send nothing more
        self.last_active = monotonic()
        self.arrived = 0  # when data arrived last, in perf_counter nanoseconds
        self._parser = RequestParser(self, handler)

    # -- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._handler.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.disconnected = self.half_closed = self.closing = True
        self._waiting.clear()
        if self.stream is not None:
            self.stream.lost()
            self.stream = None
        self._handler.closed(self)

    def pause_writing(self) -> None:
        self.is_write_paused = True
        self._unsent = 0
        self.last_active = monotonic()
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.is_write_paused = False
        if self.stream is not None:
            self.stream.resumed()
        self._proceed()

    def eof_received(self) -> bool:
        """A client may close its sending side and still wait for its response.

        It may also have left for good, which looks the same: what has not yet begun to run will not.
        """
        self.half_closed = True
        if self.busy or self._waiting:
            self.closing = True
            return True
        return False

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        self.arrived = perf_counter_ns()
        self.last_active = self.arrived / 1e9  # the same clock as monotonic()
        self._parser.feed(data)

    # -- what the parser calls

    def receive(self, request: HttpRequest) -> None:
        """Handle a request that has been read, or hold it until those before it are answered."""
        request.arrived = self.arrived
        if self.busy or self._waiting or self.is_write_paused:
            self._hold(request)
        else:
            self._start(request)

    def send_continue(self) -> None:
        """Let the client send a body that it announced, unless it waits for an earlier response."""
        if not self.busy and not self._waiting:
            self._transport.write(CONTINUE)

    def end_input(self) -> None:
        """Read nothing more; close once all is answered."""
        self.closing = True
        self._close_when_done()

    def fail(self, error: ScoringError) -> None:
        """Answer with an error and close; for a moment the rest of what the client sends is discarded."""
        self.closing = True
        self._parser.started = 0.0
        if self.busy or self._waiting:
            return  # an earlier response is on its way; the connection ends after it
        self._transport.write(self._handler.refuse(self._parser.request, error))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.close)

    # -- answering

    def answer(self, request: HttpRequest, response: bytes) -> None:
        """Send the response of a request that `handle` left open, then go on with the next."""
        self.busy = False
        if not self.disconnected:
            self._send(request, response)
            if self._waiting or self.closing:
                self._proceed()

    def write(self, part: bytes) -> None:
        """Send a part of a response that `handle` left open."""
        if not self.disconnected:
            self._transport.write(part)

    @property
    def http_version(self) -> str:
        """Of the request that was parsed last, as "1.1"."""
        return self._parser.http_version

    # -- closing

    @property
    def started(self) -> float:
        """When the unfinished request began, on the monotonic clock; 0 between requests."""
        return self._parser.started

    @property
    def is_fresh(self) -> bool:
        """Whether nothing has come from the client yet."""
        return not self.arrived

    @property
    def is_active(self) -> bool:
        """Whether it waits for a response, or has one on its way."""
        return self.busy or bool(self._waiting) or self.is_write_paused or self.closing

    def close_copy(self) -> None:
        """This process is a forked copy: close the copied descriptor, and leave the connection to the original."""
        with suppress(OSError):  # it was closed between the two
            os.close(self._transport.get_extra_info("socket").fileno())

    def stop(self) -> None:
        """The server drains: finish what is being answered, close when nothing is."""
        if not self.busy and not self._waiting and not self.started:
            self.closing = True
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.closing = True
        self._transport.abort()

    def sweep(self, now: float) -> None:
        """Enforce the time limits; called about once a second."""
        quiet, started = now - self.last_active, self._parser.started
        if self.is_write_paused:
            unsent = self._transport.get_write_buffer_size()
            if unsent < self._unsent:
                self.last_active = now
            elif quiet > WRITE_IDLE_SECONDS:
                self._transport.abort()
            self._unsent = unsent
        elif self.busy or self._waiting:  # it waits for us
            self.last_active = now
            self._parser.started = now if started else 0.0
        elif started:
            reading_headers = self._parser.request is None
            if quiet > BODY_IDLE_SECONDS or (reading_headers and now - started > HEADER_SECONDS):
                self.fail(ScoringError(408, "too_slow", "The request did not arrive in time."))
        elif quiet > KEEP_ALIVE_SECONDS:
            self._transport.abort()  # not close(), which waits for a client that has not taken its last response

    def _start(self, request: HttpRequest) -> None:
        response = self._handler.handle(request)
        if response is None:
            self.busy = True
        else:
            self._send(request, response)

    def _send(self, request: HttpRequest, response: bytes) -> None:
        self._transport.write(response)
        if not request.keep_alive or self._handler.draining:
            self.closing = True
            self._waiting.clear()
            self._transport.close()

    def _hold(self, request: HttpRequest) -> None:
        self._waiting.append(request)
        if len(self._waiting) >= MOST_WAITING:
            self._transport.pause_reading()

    def _proceed(self) -> None:
        while self._waiting and not (self.busy or self.is_write_paused or self.disconnected):
            self._start(self._waiting.popleft())
        if self.is_write_paused or self.disconnected:
            return
        if len(self._waiting) < MOST_WAITING and not self._transport.is_closing():
            self._transport.resume_reading()
        self._close_when_done()

    def _close_when_done(self) -> None:
        if self.closing and not self.busy and not self._waiting and not self._transport.is_closing():
            self._transport.close()
