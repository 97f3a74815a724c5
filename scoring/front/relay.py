"""gRPC: a port per service, passed through byte by byte to a replica of the default revision.

Callers show their keys to the replica itself. A connection stays with its replica, so the split does not apply. The
next front process takes the listening socket over, with what waits in its queue; open connections end with this one.
"""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import cast

from scoring.core.log import log
from scoring.front.addresses import attach, open_socket
from scoring.front.table import Service
from scoring.front_contract import FrontReplica
from scoring.process.handover import Handover, take
from scoring.process.listener import listening

CONNECT_SECONDS = 2.0
MOST_CONNECTIONS = 1024  # of a port


class Half(asyncio.Protocol):
    """One side of a connection; what it reads is written by the `other`."""

    def __init__(self, other: "Half | None" = None) -> None:
        self.other = other
        self.transport: asyncio.Transport | None = None
        self.waiting: list[bytes] = []  # until there is another side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def join(self, other: "Half") -> None:
        """There is another side."""
        self.other = other
        if self.transport is None or other.transport is None:
            return
        if self.transport.is_closing():
            other.transport.close()
            return
        other.transport.write(b"".join(self.waiting))
        self.waiting.clear()
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self.other is None or self.other.transport is None:
            self.waiting.append(data)
        elif not self.other.transport.is_closing():
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        other = self.other.transport if self.other is not None else None
        if other is not None and not other.is_closing():
            other.resume_reading()


class Caller(Half):
    """The client's side; it finds a replica when it is there."""

    def __init__(self, port: "Port") -> None:
        super().__init__()
        self._port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._port.opened(self, cast(asyncio.Transport, transport))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._port.callers.discard(self)


class Port:
    """The port of a service. `replicas` are those that new connections go to, in turns."""

    def __init__(self, replicas: list[FrontReplica], handover: Path, host: str, number: int) -> None:
        """`handover`: path of the unix socket through which another front process gets the listening one."""
        self.replicas = replicas
        self.callers: set[Caller] = set()
        self._path, self._host, self._number = handover, host, number
        self._server: asyncio.Server | None = None
        self._handover: Handover | None = None
        self._asked: socket.socket | None = None  # where others ask for the listening socket
        self._trouble = ""
        self._turn = 0
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open()

    def tick(self) -> None:
        """Once a second: open it, where that was not possible; offer its socket to the next front process."""
        if self._handover is None:
            self._open()
            return
        self._handover.offer()
        if self._asked is not self._handover.server:
            self._ask_no_more()
            self._asked = self._handover.server
            if self._asked is not None:
                self._loop.add_reader(self._asked.fileno(), self._handover.answer)

    def close(self) -> None:
        """Take no more connections; those that are open stay."""
        self._ask_no_more()
        if self._handover is not None:
            self._handover.close()
        if self._server is not None:
            self._server.close()
        self._server = self._handover = None

    def _open(self) -> None:
        try:
            listener = take(self._path, self._host, self._number) or listening(self._host, self._number)
        except OSError as error:
            if str(error) != self._trouble:
                log(f"gRPC cannot be passed on from port {self._number}, trying again: {error}", "E")
            self._trouble = str(error)
            return
        self._handover = Handover(self._path, listener)
        self._start(self._accept(listener))

    async def _accept(self, listener: socket.socket) -> None:
        server = await self._loop.create_server(lambda: Caller(self), sock=listener, backlog=1024)
        if self._handover is None:  # closed meanwhile
            server.close()
        else:
            self._server = server
            self.tick()

    def _ask_no_more(self) -> None:
        if self._asked is not None:
            self._loop.remove_reader(self._asked.fileno())
            self._asked = None

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def opened(self, caller: Caller, transport: asyncio.Transport) -> None:
        """A new connection: it reads nothing until it has a replica."""
        self.callers.add(caller)
        if len(self.callers) > MOST_CONNECTIONS:
            transport.abort()
            return
        transport.pause_reading()
        self._start(self._connect(caller, transport))

    async def _connect(self, caller: Caller, transport: asyncio.Transport) -> None:
        began = monotonic()
        for replica in self._in_turn():
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(max(CONNECT_SECONDS - (monotonic() - began), 0.1)):
                    opened = await open_socket(replica.grpc, replica.owner)
                    half = await attach(lambda: Half(caller), opened)
                caller.join(half)
                return
        transport.abort()

    def _in_turn(self) -> list[FrontReplica]:
        self._turn += 1
        first = self._turn % max(len(self.replicas), 1)
        return self.replicas[first:] + self.replicas[:first]


class Relay:
    """All ports that gRPC is passed on from. `folder`: where they are handed over."""

    def __init__(self, host: str, folder: Path) -> None:
        self._host, self._folder = host, folder
        self._ports: dict[int, Port] = {}
        self._draining = False

    def changed(self, services: list[Service]) -> None:
        """There is a new table."""
        wanted = {one.settings.grpc_port: _replicas(one) for one in services if one.settings.grpc_port is not None}
        for number in self._ports.keys() - wanted.keys():
            self._ports.pop(number).close()
        for number, replicas in wanted.items():
            if number in self._ports:
                self._ports[number].replicas = replicas
            elif not self._draining:
                self._ports[number] = Port(replicas, self._folder / f"grpc-{number}.sock", self._host, number)

    @property
    def is_busy(self) -> bool:
        """Whether connections are open."""
        return any(port.callers for port in self._ports.values())

    def tick(self) -> None:
        """Once a second."""
        for port in () if self._draining else self._ports.values():
            port.tick()

    def close(self) -> None:
        """Take no more connections, and open no more ports."""
        self._draining = True
        for port in self._ports.values():
            port.close()


def _replicas(service: Service) -> list[FrontReplica]:
    """The default revision's, as far as they speak gRPC."""
    found = next(one for one in service.settings.revisions if one.number == service.settings.default)
    return [one for one in found.replicas if one.grpc]
