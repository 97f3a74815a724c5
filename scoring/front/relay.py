"""gRPC: a port per service, passed through byte by byte to a replica of the default revision.

Callers show their keys to the replica itself. A connection stays with its replica, so the split does not apply.
"""

import asyncio
import socket
from contextlib import suppress
from time import monotonic
from typing import cast

from scoring.core.log import log
from scoring.front.addresses import attach, open_socket
from scoring.front.table import Service
from scoring.front_contract import FrontReplica

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

    def __init__(self, replicas: list[FrontReplica]) -> None:
        self.replicas = replicas
        self.callers: set[Caller] = set()
        self.server: asyncio.Server | None = None
        self._turn = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, number: int) -> None:
        """Open it. Another front process may have it, too, while one takes over from the other."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listener.bind((host, number))
            listener.setblocking(False)
            self.server = await asyncio.get_running_loop().create_server(lambda: Caller(self), sock=listener)
        except OSError as error:
            listener.close()
            log(f"gRPC cannot be passed on from port {number}: {error}", "E")

    def close(self) -> None:
        """Take no more connections; those that are open stay."""
        if self.server is not None:
            self.server.close()

    def opened(self, caller: Caller, transport: asyncio.Transport) -> None:
        """A new connection: it reads nothing until it has a replica."""
        self.callers.add(caller)
        if len(self.callers) > MOST_CONNECTIONS:
            transport.abort()
            return
        transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self._connect(caller, transport))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
    """All ports that gRPC is passed on from."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._ports: dict[int, Port] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def changed(self, services: list[Service]) -> None:
        """There is a new table."""
        wanted = {one.settings.grpc_port: _replicas(one) for one in services if one.settings.grpc_port is not None}
        for number in self._ports.keys() - wanted.keys():
            self._ports.pop(number).close()
        for number, replicas in wanted.items():
            if number in self._ports:
                self._ports[number].replicas = replicas
                continue
            port = self._ports[number] = Port(replicas)
            task = asyncio.get_running_loop().create_task(port.listen(self._host, number))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Take no more connections."""
        for port in self._ports.values():
            port.close()


def _replicas(service: Service) -> list[FrontReplica]:
    """The default revision's, as far as they speak gRPC."""
    found = next(one for one in service.settings.revisions if one.number == service.settings.default)
    return [one for one in found.replicas if one.grpc]
