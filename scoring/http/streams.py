"""Responses that are sent in parts. Each stream has a thread that makes its parts; the loop sends them.

No other request waits for a stream, for a slow part or for a client that reads slowly. A thread is at most `AHEAD`
parts ahead of what its client has read.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import Any

from scoring.core.errors import ScoringError, client_closed, overloaded
from scoring.core.log import log
from scoring.http.request import HttpRequest
from scoring.http.serializer import LAST_CHUNK, chunk, failure_event

AHEAD = 8
MOST_STREAMS = 64  # in one process, each with a thread
MOST_STUCK = 8  # abandoned threads after which the process cannot recover


class Stream:
    """One response. `head` is sent with the first part; an error before that becomes the response of `refuse`.

    `count` is called at the end with the status: 200, or that of the error that broke the stream off.
    """

    def __init__(
        self,
        request: HttpRequest,
        parts: Iterator[bytes],
        head: bytes,
        refuse: Callable[[BaseException], bytes],
        count: Callable[[int], None],
        *,
        events: bool,
    ) -> None:
        self.request = request
        self.parts = parts
        self.since = 0  # perf_counter nanoseconds since when a part is being made; 0 between parts
        self.ended = False  # nothing more will be sent
        self._head = head
        self._refuse = refuse
        self._count = count
        self._events = events
        self._begun = False
        self._connection = request.client
        self._chunked = self._connection.http_version != "1.0"
        self._room = threading.Semaphore(AHEAD)
        self._owed = 0  # parts that were written, but not yet read by the client
        if not self._chunked:
            request.keep_alive = False  # the end of the connection ends an HTTP/1.0 response

    # -- in the thread

    def make(self, call_on_loop: Callable[..., None]) -> None:
        """Make all parts; `call_on_loop(function, argument)` calls the function on the loop."""
        error: BaseException | None = None
        try:
            while not self.ended and (part := self._next()) is not None:
                if part:
                    self._room.acquire()
                    call_on_loop(self.send, part)
        except BaseException as raised:  # whatever a script raises ends its own stream
            error = raised
        self.since = 0
        self.close()
        call_on_loop(self.end, error)

    def close(self) -> None:
        """No further part is made."""
        close = getattr(self.parts, "close", None)
        if close is not None:
            try:
                close()
            except BaseException as raised:  # whatever a script raises ends its own stream
                log(f"a stream could not be closed: {raised!r}", "E")

    def _next(self) -> bytes | None:
        self.since = perf_counter_ns()
        part = next(self.parts, None)
        self.since = 0
        return part

    # -- on the loop

    def send(self, part: bytes) -> None:
        """Send a part, unless the client has disconnected."""
        if self.ended:
            self._room.release()
            return
        first, self._begun = not self._begun, True
        self._connection.write((self._start() if first else b"") + (chunk(part) if self._chunked else part))
        if self._connection.is_write_paused:
            self._owed += 1
        else:
            self._room.release()

    def resumed(self) -> None:
        """The client reads again."""
        if self._owed:
            self._room.release(self._owed)
            self._owed = 0

    def lost(self) -> None:
        """The client has disconnected: no further part is made, and the script's generator is closed."""
        if not self.ended:
            self.ended = True
            self._count(499)
            self._room.release(AHEAD)

    def end(self, error: BaseException | None) -> None:
        """All parts are made, or one failed: then a stream that has begun is cut off, so that clients notice."""
        if self.ended:
            return
        self.ended = True
        self._room.release(AHEAD)
        self._connection.stream = None
        self._connection.answer(self.request, self._ending(error))

    def _ending(self, error: BaseException | None) -> bytes:
        if error is not None and not self._begun:
            return self._refuse(error)
        self._count(200 if error is None else error.status if isinstance(error, ScoringError) else 500)
        if error is None:
            return (b"" if self._begun else self._start()) + (LAST_CHUNK if self._chunked else b"")
        self.request.keep_alive = False
        if not self._events:
            return b""
        event = failure_event(error)
        return chunk(event) if self._chunked else event

    def _start(self) -> bytes:
        return self._head + (b"transfer-encoding: chunked\r\n\r\n" if self._chunked else b"\r\n")


class Streams:
    """The streams of a process. A part that takes longer than `timeout` seconds ends its stream."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout: float, on_stuck: Callable[[], None]) -> None:
        self._loop = loop
        self._timeout = timeout
        self._on_stuck = on_stuck
        self._making: set[Stream] = set()

    def start(self, stream: Stream) -> None:
        """Begin; 503 if too many are running or no thread can be started, 499 if the client has disconnected."""
        connection = stream.request.client
        try:
            if connection.disconnected:
                raise client_closed()
            if len(self._making) >= MOST_STREAMS:
                raise overloaded(f"{MOST_STREAMS} streams are running already.")
            self._begin(stream)
        except ScoringError:
            stream.close()
            raise
        self._making.add(stream)
        connection.stream = stream

    def _begin(self, stream: Stream) -> None:
        try:
            threading.Thread(target=self._run, args=[stream], name="stream", daemon=True).start()
        except RuntimeError as reason:
            raise overloaded(f"The stream cannot begin: {reason}.") from reason

    def sweep(self) -> None:
        """End streams whose part takes too long; called a few times a second."""
        now = perf_counter_ns()
        late = [stream for stream in self._making if (since := stream.since) and now - since > self._timeout * 1e9]
        for stream in late:
            if not stream.ended:
                message = f"A part took longer than the scoring timeout of {self._timeout:g} s."
                stream.end(ScoringError(504, "scoring_timeout", message, failed=True))
                log("a part of a stream exceeded the scoring timeout; its thread is abandoned", "W")
        if len(late) >= MOST_STUCK:
            self._on_stuck()

    def _run(self, stream: Stream) -> None:
        span = stream.request.span
        if span is None:
            stream.make(self._call_on_loop)
        else:
            span.within(stream.make, self._call_on_loop)
        self._call_on_loop(self._making.discard, stream)

    def _call_on_loop(self, function: Callable[[Any], None], argument: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, argument)
        except RuntimeError:  # the loop has closed: the server is stopping
            return
