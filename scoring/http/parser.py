"""The bytes of a connection become requests.

Parsing is llhttp's (through httptools). This file adds what a parser does not do: limits on sizes, `Expect`, declining
upgrades, and the cache of parsed heads.
"""

from typing import TYPE_CHECKING, Protocol

import httptools

from scoring.core.errors import ScoringError, not_http, too_large
from scoring.front_contract import FRONT_HEADER
from scoring.http.head_cache import Head, HeadCache, without_upgrade
from scoring.http.request import HttpRequest

if TYPE_CHECKING:
    from scoring.http.connection import Connection

HEADER_BYTES = 64 * 1024
COOKIE = b"cookie"
FRONT = FRONT_HEADER.encode()
SHORT_LENGTH = 4  # digits of a Content-Length that needs no check before the body arrives
MOST_UNKNOWN = 64  # unknown heads in a row, after which the cache is no longer tried for a client


class Limits(Protocol):
    """What the application tells a parser."""

    max_body: int  # bytes
    heads: HeadCache

    def admit(self, request: HttpRequest, length: int | None) -> None:
        """Check the headers before the body arrives, of a length or chunked; raise ScoringError to refuse it."""


class RequestParser:
    """Reads the requests of one connection, and hands them to it.

    `request` is the latest whose headers have been read. `started` is when the unfinished request began, in seconds of
    the monotonic clock; 0 between requests.
    """

    __slots__ = (
        "_chunks", "_connection", "_declined", "_header_bytes", "_headers", "_limits", "_parser", "_reading", "_size",
        "_unknown", "_url", "request", "started",
    )  # fmt: skip

    def __init__(self, connection: "Connection", limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self.request: HttpRequest | None = None
        self.started = 0.0
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._reading = 0
        self._url = b""
        self._chunks: list[bytes] = []
        self._size = 0
        self._unknown = 0  # heads in a row that were not in the cache
        self._declined = b""  # the head of a request that offers an upgrade, without that offer

    @property
    def http_version(self) -> str:
        """Of the request that was parsed last."""
        return self._parser.get_http_version()

    def feed(self, data: bytes) -> None:
        """Read what has arrived."""
        if self.started or self._unknown >= MOST_UNKNOWN:
            self._parse(data)
        elif (head := self._limits.heads.find(data)) is None:
            self._unknown += 1
            self._parse(data)
            self._remember(data)
        else:  # a whole request, whose head is known
            self._unknown = 0
            request = self.request = HttpRequest(self._connection, head.method, head.target, head.headers)
            request.front = head.front
            request.keep_alive = True  # or it would not be in the cache
            if head.length:
                request.body = data[-head.length :]
            self._connection.receive(request)

    def _parse(self, data: bytes) -> None:
        while data:
            self._reading, before = len(data), (self.request, self._size)
            try:
                self._parser.feed_data(data)
                if self.started:
                    self._count_overhead(len(data), before)
                return
            except httptools.HttpParserUpgrade as stopped:
                data = self._after_upgrade(data[stopped.args[0] :])
            except httptools.HttpParserError as error:
                self._connection.fail(not_http(error))
                return
            except ScoringError as error:
                self._connection.fail(error)
                return

    def _remember(self, data: bytes) -> None:
        """Cache the head of what has just been parsed, if it was one request and nothing else."""
        request = self.request
        if request is None or self.started or self._connection.closing:
            return
        if request.keep_alive and self._parser.get_http_version() == "1.1":
            head = Head(request.method, self._url, self._headers, self._size, request.front)
            self._limits.heads.add(data, head, b"".join(self._chunks))

    def _after_upgrade(self, rest: bytes) -> bytes:
        """What to read after a request that offers an upgrade, as if it had not offered one (RFC 9110, 7.8).

        The parser takes what follows such a head for the other protocol, so a new parser reads the head without it.
        """
        head, self._declined = self._declined, b""
        if head:
            self._parser = httptools.HttpRequestParser(self)
            return head + rest
        self._connection.end_input()  # CONNECT, which has been answered: what follows is meant for another server
        return b""

    # -- callbacks of httptools

    def on_message_begin(self) -> None:
        self.request = None
        self._headers = {}
        self._header_bytes = -self._reading  # what came in one piece with it may be other requests
        self._url = b""
        self._chunks = []
        self._size = 0
        self.started = self._connection.last_active

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.request is not None:
            return  # a trailer: the headers have been acted upon already (RFC 9110, 6.5.1)
        name = name.lower()
        if name == COOKIE:  # of another service on this host, or of the studio: cookies know no ports
            return
        if name in self._headers:
            value = self._headers[name] + b", " + value
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        headers = self._headers
        if self._header_bytes >= 0 or self._reading > HEADER_BYTES:  # they came in several pieces, or in a large one
            self._header_bytes = 0
            self._count_headers(len(self._url) + sum(len(name) + len(value) for name, value in headers.items()))
        request = self.request = HttpRequest(self._connection, self._parser.get_method(), self._url, headers)
        request.front = headers.pop(FRONT, b"")  # a secret, for nobody but the check of keys
        request.keep_alive = self._parser.should_keep_alive()
        if b"upgrade" in headers and self._parser.should_upgrade() and request.method != b"CONNECT":
            self._declined = without_upgrade(request, self._parser.get_http_version())
            return
        length = headers.get(b"content-length", b"")
        chunked = b"transfer-encoding" in headers
        if len(length) > SHORT_LENGTH or chunked or b"expect" in headers:
            self._limits.admit(request, None if chunked else int(length or 0))
            if b"expect" in headers:
                self._expect(headers[b"expect"])

    def on_body(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limits.max_body:
            raise too_large(self._limits.max_body)
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        request = self.request
        if request is None or self._connection.closing or self._declined:
            return
        self.started = 0.0
        if chunks := self._chunks:
            request.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._connection.receive(request)

    def _expect(self, value: bytes) -> None:
        if value.lower() != b"100-continue":
            raise ScoringError(417, "bad_input", "Only `Expect: 100-continue` is understood.")
        self._connection.send_continue()

    def _count_overhead(self, size: int, before: tuple[HttpRequest | None, int]) -> None:
        """Limit headers, and what arrives between and after the pieces of a body without adding to it."""
        if self.request is None or (self.request, self._size) == before:
            self._count_headers(size)
        else:
            self._header_bytes = 0

    def _count_headers(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > HEADER_BYTES:
            message = f"The address and headers are larger than {HEADER_BYTES // 1024} KiB."
            raise ScoringError(431, "headers_too_large", message)
