"""What a replica sends back, as it goes on to the client: the head rewritten, the body as it comes."""

import re
from http import HTTPStatus

import httptools

from scoring.front.heads import END, HEADER_BYTES, REVISION, ROWS

NOT_PASSED_BACK = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", REVISION, ROWS)
)
WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
LENGTH = b"\r\ncontent-length: "
CHUNKED, UNTIL_CLOSE = -1, -2
ROWS_SHOWN = re.compile(rb"[0-9]{1,9}")


class Garbage(Exception):
    """What came is no answer in HTTP."""


def whole_body(head: bytes) -> int:
    """Length of the body after a simple head, which may be passed on as it is; -1 where it needs a closer look.

    Simple: a status line of HTTP/1.1 with three digits, one Content-Length, and nothing about the connection.
    """
    lowered = head.lower()
    at = lowered.find(LENGTH)
    if (
        at < 0
        or lowered.count(b"content-length") > 1
        or b"transfer-encoding" in lowered
        or b"\nconnection" in lowered
        or b"x-slipway-" in lowered
        or not head.startswith(b"HTTP/1.1 ")
    ):
        return -1
    start = at + len(LENGTH)
    end = lowered.find(b"\r\n", start)
    digits = lowered[start : end if end > 0 else len(lowered)]
    status = head[9:12]
    return (
        int(digits)
        if digits.isdigit() and status.isdigit() and status not in (b"204", b"304") and status >= b"200"
        else -1
    )


class AnswerReader:
    """Reads one answer, in whatever pieces it comes. `feed` gives what the client is to get of each."""

    def __init__(self, lines: bytes, *, is_head: bool, is_old: bool) -> None:
        """`lines`: headers to add, each after its line end. `is_old`: the client speaks HTTP/1.0: no chunks."""
        self.status = 0
        self.rows = 0  # that the replica says the request had
        self.done = False
        self.reusable = False  # the connection may be used again
        self.closes = False  # the client cannot know the end but by the close
        self._lines = lines
        self._is_head, self._is_old = is_head, is_old
        self._buffer = b""
        self._left = 0
        self._start()

    def _start(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._completed = False

    def feed(self, data: bytes) -> bytes:
        """Read on. `Garbage` is raised where no client should see it."""
        if self.done:
            raise Garbage("more bytes than its answer has")
        if not self.status:
            return self._read_head(self._buffer + data)
        return self._read_body(data)

    def end(self) -> bool:
        """The replica closed the connection: whether the answer is complete."""
        if self.status and self._left == UNTIL_CLOSE:
            self.done = True
        return self.done

    @property
    def has_length(self) -> bool:
        """Whether the head says how long the body is."""
        return self._left >= 0

    # -- callbacks of the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_message_begin(self) -> None:
        if self._completed:
            raise Garbage("more bytes than its answer has")

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self._completed = True

    # -- its parts

    def _read_head(self, data: bytes) -> bytes:
        end = data.find(END)
        if not b"HTTP/1.".startswith(data[:7]) or (end < 0 and len(data) > HEADER_BYTES):
            raise Garbage("no status line")
        if end < 0:
            self._buffer = data
            return b""
        head, rest = data[: end + len(END)], data[end + len(END) :]
        self._buffer = b""
        self._parse(head)
        status = self._parser.get_status_code()
        if status < 200:
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise Garbage("another protocol, which nobody asked for")
            self._start()  # an interim answer
            return self._read_head(rest) if rest else b""
        self.status = status
        written = self._frame(head)
        return written + self._read_body(rest) if rest or not self._left else written

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise Garbage(str(error)) from error

    def _frame(self, head: bytes) -> bytes:
        headers = dict(self._headers)
        self.reusable = self._parser.should_keep_alive()
        self.rows = next(
            (int(value) for name, value in self._headers if name == ROWS and ROWS_SHOWN.fullmatch(value)), 0
        )
        if self._is_head or self.status in WITHOUT_BODY:
            self._left = 0
        elif b"transfer-encoding" in headers:
            self._left = CHUNKED
        elif b"content-length" in headers:
            self._left = int(headers[b"content-length"])
        else:
            self._left = UNTIL_CLOSE
        self.closes = self._left == UNTIL_CLOSE or (self._left == CHUNKED and self._is_old)
        lines = [b"HTTP/1.1" + head[8 : head.find(b"\r\n")]]
        lines += [b"%b: %b" % one for one in self._headers if one[0] not in NOT_PASSED_BACK]
        if self._left == CHUNKED and not self._is_old:
            lines.append(b"transfer-encoding: chunked")
        closing = b"\r\nconnection: close" if self.closes and b"connection: close" not in self._lines else b""
        return b"\r\n".join(lines) + self._lines + closing + END

    def _read_body(self, data: bytes) -> bytes:
        if self._left == CHUNKED:
            self._pieces.clear()
            self._parse(data)
            self.done = self._completed
            return b"".join(self._pieces) if self._is_old else data
        if self._left == UNTIL_CLOSE:
            self.reusable = False
            return data
        if len(data) > self._left:
            self.reusable = False
            data = data[: self._left]
        self._left -= len(data)
        self.done = not self._left
        return data
