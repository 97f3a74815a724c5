"""What an engine answers where JSON bytes with status 200 are not enough."""

from collections.abc import Iterator

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"
EVENTS = b"text/event-stream"  # server-sent events
WITHOUT_BODY = frozenset((204, 304))


class Answer:
    """A response: bytes of any type, with its own status and headers, or a stream of parts.

    `headers` are (name, value) pairs; `failed`: the user's own run() reports a failure. With `stream`
    the body is sent in parts as they are made, in a thread, and `body` is ignored.
    """

    __slots__ = ("body", "content_type", "failed", "headers", "status", "stream")

    def __init__(
        self,
        body: bytes = b"",
        content_type: bytes = JSON,
        *,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (),
        failed: bool = False,
        stream: Iterator[bytes] | None = None,
    ) -> None:
        self.body = body
        self.content_type = content_type
        self.status = status
        self.headers = headers
        self.failed = failed
        self.stream = stream


Result = bytes | Answer  # bytes are JSON, with status 200
