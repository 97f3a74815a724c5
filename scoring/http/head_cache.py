"""A cache of parsed request heads, keyed by their exact bytes, since clients send the same ones again and again.

Only the parser decides what a head means. The cache is used where a whole request has arrived in one piece: head,
empty line, and as many bytes of body as the head announced when it was parsed. For example, after

    POST /score HTTP/1.1 | Host: a | Content-Length: 9

was parsed with a body of 9 bytes, the same head with 9 other bytes is not parsed again; with 8 or 10 it is.
"""

from typing import NamedTuple

from scoring.core.request import Request

END = b"\r\n\r\n"
MOST_BYTES = 2048
KEPT = 256


class Head(NamedTuple):
    """The request line and the headers, whose names are in lower case; `length` is that of the body, in bytes,
    `front` what `Request.front` is."""

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    length: int
    front: bytes = b""


class HeadCache:
    """The heads that a process has parsed; the oldest is evicted for a new one."""

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}

    def find(self, data: bytes) -> Head | None:
        """The head of the single request that fills these bytes; None if it is not in the cache."""
        end = data.find(END)
        if end < 0:
            return None
        head = self._heads.get(data[:end])
        return head if head is not None and len(data) - end - len(END) == head.length else None

    def add(self, data: bytes, head: Head, body: bytes) -> None:
        """Cache a head that the parser found in these bytes, which began where a request may begin.

        Not if they could be divided in another way than into this head, an empty line and this body (request
        smuggling), nor if the head has `Expect`.
        """
        text, end, rest = data.partition(END)
        lines = text.replace(b"\r\n", b"")
        whole = end and rest == body and text[:1].isalpha() and b"\r" not in lines and b"\n" not in lines
        if whole and len(text) <= MOST_BYTES and b"expect" not in head.headers:
            if len(self._heads) >= KEPT:
                del self._heads[next(iter(self._heads))]
            self._heads[text] = head


def without_upgrade(request: Request, version: str) -> bytes:
    """The head of a request as bytes, without the upgrade that it offers."""
    lines = [b"%b: %b" % header for header in request.headers.items() if header[0] != b"upgrade"]
    return b"%b %b HTTP/%b\r\n%b\r\n\r\n" % (request.method, request.target, version.encode(), b"\r\n".join(lines))
