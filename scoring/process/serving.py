"""A worker at the service's address: accept connections there, or leave them to another replica."""

import asyncio
import os
import socket
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from scoring.core.errors import StartFailure
from scoring.core.log import log
from scoring.counters.telemetry import ADDRESS_CONNECTIONS, NOT_SERVING, Counters
from scoring.http.handler import HttpHandler
from scoring.process.acceptor import Acceptor
from scoring.process.ipc import SERVE

if TYPE_CHECKING:
    from scoring.rpc.server import RpcServer

RETRY_SECONDS = 1.0


class Serving:
    """Both protocols at the address. `make_rpc` gives a gRPC server that does not listen yet; None: no gRPC."""

    def __init__(
        self,
        app: HttpHandler,
        acceptor: Acceptor,
        counters: Counters,
        make_rpc: Callable[[], "RpcServer"] | None,
        drain_seconds: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._app = app
        self._acceptor = acceptor
        self._cells = counters.cells
        self._make_rpc = make_rpc
        self._next_rpc = make_rpc() if make_rpc else None  # now, so that a missing library fails the start
        self._rpc: RpcServer | None = None  # the one that listens
        self._rpc_lock = asyncio.Lock()
        self._drain_seconds = drain_seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self._serves = False
        self._reported = False  # what the counters tell the master
        app.leave_address(True)

    def follow(self, control: int, *, serves: bool) -> None:
        """Follow the commands of the master from now on; `serves` is the state to begin with."""
        self._loop.add_reader(control, self._read, control)
        self._set(serves)

    async def stop(self, seconds: float) -> None:
        """The process ends: answer what waits at the address, if it serves, and close what is open there."""
        self._serves = False
        self._acceptor.close()
        self._report()
        end = monotonic() + seconds
        self._drain_seconds = seconds
        self._follow_with_rpc()
        while self._tasks and monotonic() < end:
            await asyncio.wait(self._tasks, timeout=end - monotonic())

    def _read(self, control: int) -> None:
        commands = os.read(control, 4096)
        if commands:
            self._set(commands[-1:] == SERVE)
        else:  # the master has gone, and ends this process
            self._loop.remove_reader(control)

    def _set(self, serves: bool) -> None:
        if serves == self._serves:
            return
        self._serves = serves
        self._app.leave_address(not serves)
        if serves:
            self._acceptor.start()
        else:
            self._acceptor.leave()
        self._report()
        self._follow_with_rpc()

    def _report(self) -> None:
        """Let the master know whether all that is served is served at the address."""
        reported = self._serves and (self._make_rpc is None or self._rpc is not None)
        if reported != self._reported:
            self._reported = reported
            self._cells[ADDRESS_CONNECTIONS] += -NOT_SERVING if reported else NOT_SERVING

    def _follow_with_rpc(self) -> None:
        if self._make_rpc is not None:
            self._spawn(self._converge_rpc(self._make_rpc))

    async def _converge_rpc(self, make: Callable[[], "RpcServer"]) -> None:
        """Listen for gRPC as long as this worker serves."""
        async with self._rpc_lock:
            if self._serves and self._rpc is None:
                await self._start_rpc(make)
            elif not self._serves and self._rpc is not None:
                leaving, self._rpc = self._rpc, None
                self._spawn(self._drain_rpc(leaving))

    async def _start_rpc(self, make: Callable[[], "RpcServer"]) -> None:
        server, self._next_rpc = self._next_rpc or make(), None
        try:
            await server.start()
        except StartFailure as error:
            log(f"{error.failure.message} {error.failure.evidence} Trying again.", "E")
            self._loop.call_later(RETRY_SECONDS, self._follow_with_rpc)
        else:
            self._rpc = server
            self._cells[ADDRESS_CONNECTIONS] += 1  # until it has finished its calls
            self._report()

    async def _drain_rpc(self, server: "RpcServer") -> None:
        try:
            await server.drain(self._drain_seconds)
        finally:
            self._cells[ADDRESS_CONNECTIONS] -= 1

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def listening_socket(descriptor: int) -> socket.socket:
    """An inherited listening socket."""
    listener = socket.socket(fileno=descriptor)
    listener.setblocking(False)
    return listener
