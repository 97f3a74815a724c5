"""Read a request's body without holding a thread: bounded in size, in time and in pace.

Unauthenticated clients get a small body and a few seconds. A body that passes either has its client authenticated
once; an authenticated one may send much more, at a pace that a slow client does not keep for long.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import IO, Any

from studio.web.body_content import Content

Receive = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Limits:
    """`*_bytes` a body may have and seconds it may take; `pace` in bytes a second counts after `grace` seconds."""

    unauthenticated_bytes: int
    unauthenticated_seconds: float
    authenticated_bytes: int
    grace: float
    pace: int
    drain_bytes: int
    drain_seconds: float


class Refused(Exception):
    """The request is not served; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ClientGone(Exception):
    """The connection ended before the body did: nobody is left to answer."""


class Body:
    """One body on its way in; `content` keeps what has arrived."""

    def __init__(self, receive: Receive, limits: Limits, content: Content) -> None:
        self.complete = False
        self._receive, self._limits, self._content = receive, limits, content
        self._pending: asyncio.Future[dict[str, Any]] | None = None
        self._began = time.monotonic()
        self._authenticated = False

    @property
    def file(self) -> IO[bytes]:
        """What arrived, ready to be read once `read()` returned."""
        return self._content.file

    @property
    def size(self) -> int:
        return self._content.size

    async def read(self, announced: int, is_authenticated: Callable[[], Awaitable[bool]]) -> None:
        """Take in the whole body. `announced` is its Content-Length, 0 if there is none.

        Raises `Refused`, `ClientGone`, and `OSError` when the disk has no room.
        """
        await self._check(announced, is_authenticated)
        while not self.complete:
            await self._take_piece(announced)
            await self._check(announced, is_authenticated)
        await self._content.finish()

    async def drain(self) -> None:
        """Read on for a moment without keeping anything: whoever writes first can then read the refusal."""
        end, left = time.monotonic() + self._limits.drain_seconds, self._limits.drain_bytes
        while not self.complete and left > 0 and (seconds := end - time.monotonic()) > 0:
            message = await self._next(seconds)
            if message is None or message["type"] != "http.request":
                return
            left -= len(message.get("body", b""))
            self.complete = not message.get("more_body", False)

    async def wait_for_disconnect(self) -> None:
        """Return when the client has left, or has its whole answer."""
        while True:
            message = await self._next(None)
            if message is None or message["type"] == "http.disconnect":
                return

    def close(self) -> None:
        """Stop reading and let go of what arrived."""
        if self._pending is not None:
            self._pending.cancel()
        self._content.close()

    async def _check(self, announced: int, is_authenticated: Callable[[], Awaitable[bool]]) -> None:
        fault = self._fault(announced)
        if fault and not self._authenticated and await is_authenticated():
            self._authenticated = True
            fault = self._fault(announced)
        if fault:
            raise Refused(fault)

    def _fault(self, announced: int) -> int:
        limits = self._limits
        most = limits.authenticated_bytes if self._authenticated else limits.unauthenticated_bytes
        if max(announced, self.size) > most:
            return 413
        return 408 if not self.complete and time.monotonic() >= self._deadline() else 0

    def _deadline(self) -> float:
        limits = self._limits
        if not self._authenticated:
            return self._began + limits.unauthenticated_seconds
        return self._began + limits.grace + self.size / limits.pace

    async def _take_piece(self, announced: int) -> None:
        message = await self._next(self._deadline() - time.monotonic())
        if message is None:
            return
        if message["type"] != "http.request":
            raise ClientGone
        await self._content.add(message.get("body", b""), announced)
        self.complete = not message.get("more_body", False)

    async def _next(self, seconds: float | None) -> dict[str, Any] | None:
        """The next message, or None when none came in time; it then stays awaited."""
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._receive())
        done, _ = await asyncio.wait({self._pending}, timeout=None if seconds is None else max(0.0, seconds))
        if not done:
            return None
        message, self._pending = self._pending.result(), None
        return message
