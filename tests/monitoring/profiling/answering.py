"""A server for the load generator: what a connection is answered with is a function of the number of its request."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
Answer = Callable[["Asked"], Awaitable[bytes | None]]


class Asked:
    """A request: its number since the start, its head and body, and where the answer goes."""

    def __init__(self, number: int, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.number, self.head, self.body, self.writer = number, head, body, writer


class Server:
    """Answers every request with what `answer` gives; None closes the connection. For use in a `with` block."""

    def __init__(self, answer: Answer, *, socket: str = "", tls=None) -> None:
        self._answer, self._socket, self._tls = answer, socket, tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.asked: list[bytes] = []
        self.moments: list[float] = []
        self.heads: list[bytes] = []

    def __enter__(self) -> "Server":
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        self.port = 0 if self._socket else self._server.sockets[0].getsockname()[1]
        scheme = "https" if self._tls else "http"
        self.address = f"unix:{self._socket}:/score" if self._socket else f"{scheme}://127.0.0.1:{self.port}/score"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> asyncio.Server:
        if self._socket:
            return await asyncio.start_unix_server(self._serve, self._socket)
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, backlog=1024)

    async def _end(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                body = await reader.readexactly(int(lines.get(b"content-length", 0)))
                self.asked.append(body)
                self.heads.append(head)
                self.moments.append(time.monotonic())
                answer = await self._answer(Asked(len(self.asked), head, body, writer))
                if answer is None:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def at_once(_: Asked) -> bytes:
    return OK


def after(seconds: float) -> Answer:
    async def answer(_: Asked) -> bytes:
        await asyncio.sleep(seconds)
        return OK

    return answer


def always(content: bytes | None) -> Answer:
    async def answer(_: Asked) -> bytes | None:
        return content

    return answer
