"""HTTP/1.1 responses as bytes: status line, headers and body in one piece, for one write."""

from email.utils import formatdate
from http import HTTPStatus

import orjson

from scoring.core.answer import EVENTS, JSON, WITHOUT_BODY, Answer
from scoring.core.errors import ScoringError, as_error
from scoring.core.request import Request
from scoring.core.request_ids import request_context

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

# What Azure's server says about run(): whether it failed, and how many milliseconds it took.
_RUN_LINES = {failed: b"x-ms-run-function-failed: %b\r\nx-ms-run-fn-exec-ms: %%.3f\r\n" % text
              for failed, text in ((True, b"True"), (False, b"False"))}  # fmt: skip
_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}
NOT_IN_HEADERS = dict.fromkeys(map(ord, "\r\n\0"))
_LINES[499] = b"HTTP/1.1 499 Client Closed Request\r\n"


class Serializer:
    """Writes responses; keeps the Date header, which `tick` renews every second."""

    def __init__(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Renew the Date header."""
        self._date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        self._json_ok = _LINES[200] + self._date + b"content-type: application/json\r\n"
        self._run_ok = self._json_ok + b"%b" + _RUN_LINES[False] + b"content-length: %d\r\n\r\n%b"

    def json_ok(self, body: bytes, headers: bytes) -> bytes:
        """200 with JSON; `headers` are complete lines."""
        return b"%b%bcontent-length: %d\r\n\r\n%b" % (self._json_ok, headers, len(body), body)

    def run_ok(self, body: bytes, headers: bytes, ran: int) -> bytes:
        """The same, with how many nanoseconds run() took."""
        return self._run_ok % (headers, ran / 1e6, len(body), body)

    def answer(self, answer: Answer, headers: bytes) -> bytes:
        """A response of an engine; `headers` are complete lines to add."""
        lines = headers + header_lines(answer.headers)
        if answer.status in WITHOUT_BODY:
            return b"%b%b%b\r\n" % (_LINES[answer.status], self._date, lines)
        return self.reply(answer.status, answer.body, lines, content_type=answer.content_type)

    def head(self, answer: Answer, headers: bytes) -> bytes:
        """The head of a streamed response, without the framing of its body and the empty line."""
        fresh = b"cache-control: no-cache\r\nx-accel-buffering: no\r\n" if answer.content_type == EVENTS else b""
        return b"%b%bcontent-type: %b\r\n%b%b%b" % (
            _LINES.get(answer.status) or b"HTTP/1.1 %d \r\n" % answer.status,
            self._date,
            answer.content_type,
            fresh,
            headers,
            header_lines(answer.headers),
        )

    def reply(
        self, status: int, body: bytes, headers: bytes = b"", *, content_type: bytes = JSON, without_body: bool = False
    ) -> bytes:
        """Any response. `without_body` leaves out the body but states its length, as for HEAD."""
        head = b"%b%bcontent-type: %b\r\n%bcontent-length: %d\r\n\r\n" % (
            _LINES.get(status) or b"HTTP/1.1 %d \r\n" % status,
            self._date,
            content_type,
            headers,
            len(body),
        )
        return head if without_body else head + body


def run_lines(ran: int, *, failed: bool) -> bytes:
    """The header lines about a run() of so many nanoseconds."""
    return _RUN_LINES[failed] % (ran / 1e6)


def chunk(part: bytes) -> bytes:
    """A part of a body whose length is not known (RFC 9112, 7.1); it must not be empty."""
    return b"%x\r\n%b\r\n" % (len(part), part)


def failure_event(error: BaseException) -> bytes:
    """The last event of a stream that broke off."""
    known = error if isinstance(error, ScoringError) else ScoringError(500, "internal", "The server failed.")
    return b"event: error\ndata: %b\n\n" % error_body(known, protocol_v2=False)


def error_body(error: ScoringError, protocol_v2: bool) -> bytes:
    """`{"error": …}` below /v2, as the Open Inference Protocol has it; `{"message": …, "code": …}` elsewhere."""
    if protocol_v2:
        return orjson.dumps({"error": printable(error.message)})
    return orjson.dumps({"message": printable(error.message), "code": error.code})


def error_answer(request: Request, error: BaseException, protocol_v2: bool) -> Answer:
    """An error of any kind as the answer to a request."""
    with request_context(request):
        known = as_error(error)
    return Answer(error_body(known, protocol_v2), status=known.status, headers=known.headers, failed=known.failed)


def printable(text: str) -> str:
    """Text that UTF-8 can carry, whatever the script put into it."""
    return text.encode("utf-8", "backslashreplace").decode()


def header_lines(headers: tuple[tuple[str, str], ...]) -> bytes:
    """Header lines of (name, value) pairs; characters that a header cannot hold are removed."""
    lines = (f"{name}: {value}".translate(NOT_IN_HEADERS) for name, value in headers)
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1", "replace")
