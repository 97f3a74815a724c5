"""Plain HTTP where https is spoken elsewhere: every request is sent there."""

import asyncio
from typing import cast

from scoring.front.heads import END

SECONDS = 5.0
MOST_BYTES = 16 * 1024
HTTPS = 443


class Redirect(asyncio.Protocol):
    """Answers one request: 308 to the same address under https."""

    def __init__(self, port: int) -> None:
        self._port = b"" if port == HTTPS else b":%d" % port
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(SECONDS, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(END)
        if end < 0:
            if len(self._buffer) > MOST_BYTES:
                self._transport.abort()
            return
        self._transport.write(self._answer(self._buffer[:end]))
        self._transport.close()

    def _answer(self, head: bytes) -> bytes:
        first, *lines = head.split(b"\r\n")
        parts = first.split(b" ")
        hosts = [line.partition(b":")[2].strip() for line in lines if line.lower().startswith(b"host:")]
        name = hosts[0] if len(hosts) == 1 else b""
        name = name.rpartition(b":")[0] if b":" in name and not name.endswith(b"]") else name
        is_plain = name.replace(b".", b"").replace(b"-", b"").replace(b":", b"").strip(b"[]").isalnum()
        if len(parts) != 3 or not parts[1].startswith(b"/") or not is_plain or b"\r" in parts[1] or b"\n" in parts[1]:
            return b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        place = b"https://%b%b%b" % (name, self._port, parts[1])
        return (
            b"HTTP/1.1 308 Permanent Redirect\r\nlocation: %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % place
        )
