"""Load at a constant rate from a process of its own, which knows what became of each request.

    load = SteadyLoad(folder, url, body, key, rate=500)
    ...
    fates = load.finish()

Open loop: a request is due whether or not the ones before it have been answered. Where the machine is too slow,
requests are sent late, at most `MOST_IN_FLIGHT` at a time: being late is no loss, and the reached rate says so. Most
requests go over kept connections, some over new ones.
"""

import asyncio
import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MOST_IN_FLIGHT = 64
NEW_CONNECTION = 10  # each tenth request opens one
WAIT_SECONDS = 30.0  # for an answer
ANSWERED = "200"


@dataclass(frozen=True)
class Fate:
    """Of one request: when it was sent and had its end (`time.monotonic`, which processes of a machine share), the
    status or what went wrong, and the revision that answered."""

    sent: float
    ended: float
    status: str
    revision: str

    @property
    def is_lost(self) -> bool:
        return self.status != ANSWERED


class SteadyLoad:
    """Sends from the moment it is made until `finish`."""

    def __init__(self, folder: Path, url: str, body: Any, key: str, *, rate: float) -> None:
        folder.mkdir(exist_ok=True)
        self._fates = folder / "fates.csv"
        asked = folder / "load.json"
        asked.write_text(json.dumps({"url": url, "body": body, "key": key, "rate": rate, "fates": str(self._fates)}))
        self._process = subprocess.Popen([sys.executable, "-m", "tests.steady_load", str(asked)])

    def finish(self) -> list[Fate]:
        """What became of each request, in the order in which they ended."""
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(WAIT_SECONDS + 30) == 0
        with self._fates.open(newline="") as file:
            return [
                Fate(float(sent), float(ended), status, revision) for sent, ended, status, revision in csv.reader(file)
            ]


@dataclass(frozen=True)
class Span:
    """What was done while requests were sent, from when to when."""

    name: str
    began: float
    ended: float


def table(spans: Iterable[Span], fates: list[Fate]) -> Iterator[str]:
    """Lines of a Markdown table: the requests that had their end during each span."""
    yield "| during | seconds | requests | a second | slowest, ms | failed |"
    yield "|---|---|---|---|---|---|"
    for span in spans:
        mine = [fate for fate in fates if span.began <= fate.ended < span.ended]
        seconds = span.ended - span.began
        slowest = max((fate.ended - fate.sent for fate in mine), default=0.0)
        failed = sum(fate.is_lost for fate in mine)
        cells = (span.name, f"{seconds:.1f}", len(mine), f"{len(mine) / seconds:.0f}", f"{slowest * 1e3:.0f}", failed)
        yield f"| {' | '.join(map(str, cells))} |"


class Connection(asyncio.Protocol):
    """To a server; one request at a time."""

    def __init__(self) -> None:
        self.is_open = True
        self._received = bytearray()
        self._waiting: asyncio.Future[tuple[str, str]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def ask(self, request: bytes) -> tuple[str, str]:
        """Status and revision of the answer; ConnectionError where there is none."""
        self._received.clear()
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await asyncio.wait_for(self._waiting, WAIT_SECONDS)

    def close(self) -> None:
        self.is_open = False
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None:
            return
        line, *lines = self._received[:end].decode("latin-1").lower().split("\r\n")
        headers = dict(one.split(": ", 1) for one in lines)
        if len(self._received) < end + 4 + int(headers["content-length"]):
            return
        if headers.get("connection") == "close":
            self.close()
        self._end(line.split()[1], headers.get("x-slipway-revision", ""))

    def connection_lost(self, reason: Exception | None) -> None:
        self.is_open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError(f"closed after {len(self._received)} bytes: {reason}"))

    def _end(self, status: str, revision: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((status, revision))


class Generator:
    """Sends requests until it is told to stop."""

    def __init__(self, asked: dict[str, Any]) -> None:
        place, body = urlsplit(asked["url"]), json.dumps(asked["body"]).encode()
        self._host, self._port, self._rate = place.hostname or "", place.port or 80, asked["rate"]
        head = (
            f"POST {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {asked['key']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body
        self._idle: list[Connection] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self.fates: list[Fate] = []
        self.stopped = asyncio.Event()

    async def run(self) -> None:
        began, number = time.monotonic(), 0
        while not self.stopped.is_set():
            due = began + number / self._rate
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            if len(self._under_way) >= MOST_IN_FLIGHT:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._send(is_new=number % NEW_CONNECTION == 0))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            number += 1
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _send(self, *, is_new: bool) -> None:
        sent, status, revision = time.monotonic(), "", ""
        try:
            connection = await self._connection(is_new)
            sent = time.monotonic()
            status, revision = await connection.ask(self._request)
            if connection.is_open:
                self._idle.append(connection)
        except TimeoutError:
            status = "no answer in time"
        except OSError as error:
            status = f"{type(error).__name__}: {error}"
        self.fates.append(Fate(sent, time.monotonic(), status, revision))

    async def _connection(self, is_new: bool) -> Connection:
        """A kept one, as long as the server has not closed it."""
        while self._idle:
            found = self._idle.pop()
            if is_new:
                found.close()
                break
            if found.is_open:
                return found
        _, made = await asyncio.get_running_loop().create_connection(Connection, self._host, self._port)
        return made


async def main(asked: dict[str, Any]) -> None:
    generator = Generator(asked)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, generator.stopped.set)
    await generator.run()
    with Path(asked["fates"]).open("w", newline="") as file:
        csv.writer(file).writerows((one.sent, one.ended, one.status, one.revision) for one in generator.fates)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
