"""Heads of requests: those that were parsed before are known again, as clients send the same ones over and over.

What a head means is for the parser alone to say. It is remembered as a whole, byte for byte, and looked up only where
a whole request has come in one piece, of which the parser would have nothing else to say.
"""

from typing import NamedTuple

from scoring.core.request import Request

END = b"\r\n\r\n"
MOST_BYTES = 2048
KEPT = 256


class Head(NamedTuple):
    """The request line and the headers, whose names are in lower case; `length` is that of the body, in bytes."""

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    length: int


class Heads:
    """The heads that a process knows; what it has known longest makes room for new ones."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def find(self, data: bytes) -> Head | None:
        """The head of the one request that fills these bytes, its body last; None unless it is known."""
        end = data.find(END)
        if end < 0:
            return None
        head = self._known.get(data[:end])
        return head if head is not None and len(data) - end - len(END) == head.length else None

    def remember(self, data: bytes, head: Head, body: bytes) -> None:
        """Know a head again that the parser found in these bytes, which began where a request may begin.

        Not if they could be divided in another way than into this head, an empty line and this body, nor if the head
        asks for more than an answer.
        """
        text, end, rest = data.partition(END)
        lines = text.replace(b"\r\n", b"")
        whole = end and rest == body and text[:1].isalpha() and b"\r" not in lines and b"\n" not in lines
        if whole and len(text) <= MOST_BYTES and b"expect" not in head.headers:
            if len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]
            self._known[text] = head


def without_upgrade(request: Request, version: str) -> bytes:
    """The head of a request as it goes over the wire, but for the other protocol that it offers."""
    lines = [b"%b: %b" % header for header in request.headers.items() if header[0] != b"upgrade"]
    return b"%b %b HTTP/%b\r\n%b\r\n\r\n" % (request.method, request.target, version.encode(), b"\r\n".join(lines))
