"""One client connection of a load: HTTP/1.1 with keep-alive, one request at a time.

httptools (the parser of Node.js) reads the answers; requests are bytes that were made beforehand. Asking again takes
about 20 microseconds of CPU, the event loop included.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import httptools
import orjson

from monitoring.profiling.counting import Window

Settled = Callable[["Connection"], None]


class Rules(Protocol):
    """What every answer of a run is held to, and in which window it counts: None, in that of its request."""

    largest_answer_bytes: int
    json: bool
    window_at: Callable[[int], Window] | None


class Connection(asyncio.Protocol):
    """Sends what it is given and counts the answer in the request's window, then calls `settled` with itself.

    `usable` is False once it cannot send another request; `settled` is called then as well, if one was on its way.
    """

    def __init__(self, rules: Rules, settled: Settled) -> None:
        self._rules, self._settled = rules, settled
        self._transport: asyncio.Transport | None = None
        self._window: Window | None = None
        self.began = 0  # moment from which the latency counts, in nanoseconds; 0: nothing on its way
        self._received = 0
        self._body: list[bytes] = []
        self._is_json = False
        self.usable = True
        # httptools calls what it finds when it is made: headers are worth a call only where somebody looks at them.
        self.on_body: Callable[[bytes], None] = self._body.append if rules.json else self._keep_start
        if rules.json:
            self.on_header = self._note_type
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def send(self, content: bytes, window: Window, began: int) -> None:
        """Ask; `began` is the moment from which the latency counts."""
        self._window, self.began, self._received = window, began, 0
        if self._transport is not None:
            self._transport.write(content)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if not self.began:
            self._end("protocol", "bytes that no request asked for")
        elif self._received > self._rules.largest_answer_bytes:
            self._end("too_large")
        else:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserError as problem:
                self._end("protocol", f"{problem}: {data[:100]!r}")

    def on_message_complete(self) -> None:
        """Count the answer; what parses is asked by httptools."""
        now, status = time.monotonic_ns(), self._parser.get_status_code()
        if not self.began or status < 200:
            return
        window = self._counting(now)
        window.statuses[status] += 1
        if 200 <= status < 300 and (not self._rules.json or self._is_right()):
            window.answered += 1
            window.fresh.append(now - self.began)
        elif 200 <= status < 300:
            window.fail("content", b"".join(self._body)[:1000].decode("utf-8", "replace"))
        else:
            window.fail(f"status {status // 100}xx", self._example(status))
        self._body.clear()
        self._is_json = False
        if not self._parser.should_keep_alive():
            self._close()
        self._settle()

    def give_up(self, kind: str) -> None:
        """Count the request on its way as failed, and close."""
        self._end(kind)

    def close(self) -> None:
        """End it; nothing is counted."""
        self.began, self._window = 0, None
        self._close()

    def connection_lost(self, problem: Exception | None) -> None:
        self.usable = False
        if self.began:
            # An answer without a length ends with its connection.
            self._end("closed", str(problem or ""))

    def _end(self, kind: str, example: str = "") -> None:
        self._close()
        if self.began:
            self._counting(time.monotonic_ns()).fail(kind, example)
            self._settle()

    def _counting(self, now: int) -> Window:
        window = self._rules.window_at(now) if self._rules.window_at else self._window
        assert window is not None  # noqa: S101 - it came with the request
        return window

    def _settle(self) -> None:
        self.began = 0
        if self._window is not None and not self._rules.window_at:
            self._window.pending -= 1
        self._settled(self)

    def _close(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def _keep_start(self, data: bytes) -> None:
        if not self._body and self._parser.get_status_code() >= 300:
            self._body.append(data[:300])

    def _note_type(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            kind = value.split(b";")[0].strip().lower()
            self._is_json = kind == b"application/json" or kind.endswith(b"+json")

    def _is_right(self) -> bool:
        if not self._is_json:
            return False
        try:
            orjson.loads(b"".join(self._body))
        except orjson.JSONDecodeError:
            return False
        return True

    def _example(self, status: int) -> str:
        return f"{status}: {b''.join(self._body)[:300].decode('utf-8', 'replace')}"
