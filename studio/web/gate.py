"""The web server's application: reads bodies and writes answers asynchronously, and runs Django in threads between.

No thread ever waits for a client. A slow body or a slow reader costs a little memory, a whole request a thread.
"""

import asyncio
import io
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from studio.web.bodies import Body, ClientGone, Limits, Receive, Refused
from studio.web.body_content import Content, Memory
from studio.web.pools import Pool, Pools
from studio.web.wsgi_call import Answer, environ_of

Send = Callable[[dict[str, Any]], Awaitable[None]]
_log = logging.getLogger(__name__)

_PIECE = {"type": "http.response.body"}
# Status → code, what happened, next step.
_REFUSALS = {
    401: ("not_authenticated", "This sign-in or token is not known or no longer valid.", "Sign in again."),
    408: ("too_slow", "The body of this request came too slowly.", "Send it again over a faster connection."),
    413: ("too_large", "The body of this request is too large.", "Sign in, or send a smaller one."),
    503: ("busy", "Too many requests wait for the studio at this moment.", "Try again in a few seconds."),
    507: (
        "storage_full",
        "The studio's disk is full; nothing of this was kept.",
        "Ask an administrator to free space.",
    ),
}


class Gate:
    """An ASGI application over a WSGI one.

    `is_authenticated(environ)` runs in a thread and says whether a request's session or token is a live one.
    `reader_seconds` is how long a client may take to make room for the next piece of its answer.
    """

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        is_authenticated: Callable[[dict[str, Any]], bool],
        *,
        pools: Pools,
        limits: Limits,
        memory: Memory,
        folder: Path,
        reader_seconds: float,
    ) -> None:
        self._application, self._is_authenticated = application, is_authenticated
        self._pools, self._limits = pools, limits
        self._memory, self._folder = memory, folder
        self._reader_seconds = reader_seconds

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = Body(receive, self._limits, Content(self._memory, self._folder))
        try:
            await self._serve(scope, body, send)
        except ClientGone:
            return
        except Refused as refusal:
            await self._refuse(scope, body, send, refusal.status)
        finally:
            body.close()
        # The rest of an unread body ends the connection, which the answer has said.

    async def _serve(self, scope: dict[str, Any], body: Body, send: Send) -> None:
        headers = dict(scope["headers"])
        if b"content-length" in headers or b"transfer-encoding" in headers:
            await self._read(body, _whole_number(headers.get(b"content-length", b"0")), scope)
        pool = self._pools.of(scope["method"], scope["path"])
        if not pool.enter():
            raise Refused(503)
        try:
            environ = environ_of(scope, body.file, body.size)
            answer = await pool.run(Answer, self._application, environ)
            await self._send(answer, pool, body, send)
        finally:
            pool.leave()

    async def _read(self, body: Body, announced: int, scope: dict[str, Any]) -> None:
        try:
            await body.read(announced, lambda: self._authenticates(scope))
        except OSError as reason:
            _log.error("a request's body could not be kept: %s", reason)
            raise Refused(507) from reason

    async def _authenticates(self, scope: dict[str, Any]) -> bool:
        environ = environ_of(scope, io.BytesIO(), 0)
        pool = self._pools.of("GET", scope["path"])
        authenticated = await pool.run(self._is_authenticated, environ)
        if not authenticated and "HTTP_AUTHORIZATION" in environ:
            raise Refused(401)
        return authenticated

    async def _send(self, answer: Answer, pool: Pool, body: Body, send: Send) -> None:
        """Send the answer, and close it whatever happens: that gives database connections and files back."""
        try:
            await self._send_parts(answer, pool, body, send)
        finally:
            if not answer.is_closed:
                await pool.run(answer.close)

    async def _send_parts(self, answer: Answer, pool: Pool, body: Body, send: Send) -> None:
        """Piece by piece, each as soon as the client has room for it."""
        part, more = answer.first
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        if not more:
            await send({"type": "http.response.body", "body": part})
            return
        gone = asyncio.ensure_future(body.wait_for_disconnect())
        try:
            while await self._is_taken(send({**_PIECE, "body": part, "more_body": more}), gone) and more:
                part, more = await pool.run(answer.next_part)
        finally:
            gone.cancel()

    async def _is_taken(self, sending: Awaitable[None], gone: "asyncio.Future[None]") -> bool:
        """Whether the client made room for the piece in time and is still there."""
        sent = asyncio.ensure_future(sending)
        await asyncio.wait({sent, gone}, timeout=self._reader_seconds, return_when=asyncio.FIRST_COMPLETED)
        if not sent.done():
            sent.cancel()
            return False
        return sent.exception() is None and not gone.done()

    async def _refuse(self, scope: dict[str, Any], body: Body, send: Send, status: int) -> None:
        if status != 408:
            await body.drain()
        code, detail, hint = _REFUSALS[status]
        if scope["path"].startswith("/api/"):
            error = {"code": code, "detail": detail, "attr": None, "hint": hint}
            kind, content = "client_error" if status < 500 else "server_error", "application/json"
            text = json.dumps({"type": kind, "errors": [error]})
        else:
            content, text = "text/plain; charset=utf-8", f"{detail} {hint}\n"
        headers = [(b"content-type", content.encode()), (b"content-length", str(len(text)).encode())]
        headers += [] if body.complete else [(b"connection", b"close")]
        headers += [(b"retry-after", b"5")] if status == 503 else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})


def _whole_number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) < 20 else 0
