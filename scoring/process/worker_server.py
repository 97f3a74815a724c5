"""A worker at work: accept connections, answer them, drain."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from scoring.auth.keys import Keys
from scoring.contract import RunSettings
from scoring.core.log import log
from scoring.core.settings import Replica
from scoring.counters.telemetry import CONNECTIONS, NOT_SERVING, CounterFile, Counters
from scoring.engine.dispatch import Dispatcher
from scoring.engine.engine import Engine
from scoring.http.connection import Connection
from scoring.http.handler import HttpHandler
from scoring.metadata.statistics import attach
from scoring.observers.request_observers import observers_for
from scoring.process.acceptor import Acceptor
from scoring.process.ipc import WorkerConfig, WorkerReady, reporting_failure, send_report
from scoring.process.serving import Serving, listening_socket
from scoring.rpc import rpc_server
from scoring.rpc.parts import Parts

if TYPE_CHECKING:
    from scoring.rpc.server import RpcServer

DRAIN_SECONDS = 8.5  # the master allows ten in all
QUIET_SECONDS = 0.4  # how long an idle connection must have been silent before draining closes it
STUCK_EXIT = 70
SWEEP_SECONDS = 0.25


class WorkerServer:
    """Serves both protocols, on the event loop of a worker."""

    def __init__(self, replica: Replica, engine: Engine, config: WorkerConfig) -> None:
        self._replica = replica
        self._engine = engine
        self._config = config
        self._exit_code = 0
        self._listeners: list[socket.socket] = []

    async def run(self) -> int:
        """Serve until told to stop, then drain; gives the exit code."""
        loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, self._stopped.set)
        run, config = self._replica.run, self._config
        self._counters = Counters(CounterFile(self._replica.counters), config.slot)
        attach(self._engine, self._replica, self._counters, config.slot)
        with reporting_failure(config):
            keys = Keys(self._replica.control / "keys.json", run.auth)
        observers = observers_for(self._replica, self._counters, config.slot)
        dispatcher = Dispatcher(run, self._engine, keys, self._counters, self._exit_stuck, observers)
        self._app = HttpHandler(run, self._engine, dispatcher, self._counters, self._exit_stuck)
        parts = Parts(self._replica, self._engine, dispatcher, lambda: self._app.draining)
        make_rpc = partial(rpc_server, parts) if speaks_grpc(run, config.slot) else None
        acceptor = self._acceptor(config.listener, at_address=False)
        with reporting_failure(config):
            rpc, serving = await self._open(make_rpc)
        send_report(config, WorkerReady(self._engine.seconds))
        self._prepare_forks()
        gc.collect()
        gc.freeze()  # what is loaded stays; the collector need not look at it again
        acceptor.start()
        if serving is not None:
            serving.follow(config.control, serves=config.serves)
        housekeeping = [loop.create_task(self._repeat(seconds, call)) for seconds, call in (
            (1.0, dispatcher.tick), (1.0, self._app.tick),
            (SWEEP_SECONDS, dispatcher.sweep), (SWEEP_SECONDS, self._app.sweep),
        )]  # fmt: skip
        await self._stopped.wait()
        self._app.drain()
        draining = [one for one in (rpc and rpc.drain(DRAIN_SECONDS), serving and serving.stop(DRAIN_SECONDS)) if one]
        await asyncio.gather(self._drain(acceptor), *draining)
        if observers is not None:
            observers.close()
        for task in housekeeping:
            task.cancel()
        return self._exit_code

    async def _open(self, make_rpc: "Callable[[], RpcServer] | None") -> "tuple[RpcServer | None, Serving | None]":
        """What else is served than HTTP at the first listening socket: gRPC, or all that comes at a shared address."""
        config = self._config
        if config.address >= 0:
            acceptor = self._acceptor(config.address, at_address=True)
            return None, Serving(
                self._app, acceptor, self._counters, make_rpc, self._replica.run.scoring_timeout_seconds
            )
        rpc = make_rpc() if make_rpc else None
        if rpc is not None:
            await rpc.start()
        return rpc, None

    def _acceptor(self, descriptor: int, *, at_address: bool) -> Acceptor:
        listener = listening_socket(descriptor)
        self._listeners.append(listener)
        return Acceptor(
            listener,
            lambda: Connection(self._app, at_address=at_address),
            self._counters.file.connections,
            self._config.slot,
        )

    async def _drain(self, acceptor: Acceptor) -> None:
        """Take no more connections, answer what has been asked, close what is silent."""
        acceptor.close()
        await asyncio.sleep(0.05)  # connections that were just accepted reach their handler
        self._counters.cells[CONNECTIONS] += NOT_SERVING
        end = monotonic() + DRAIN_SECONDS
        while self._app.connections and monotonic() < end:
            now = monotonic()
            for connection in list(self._app.connections):
                if now - connection.last_active > QUIET_SECONDS:
                    connection.stop()
            await asyncio.sleep(0.05)

    def _prepare_forks(self) -> None:
        """Prepare for processes that the script forks: they may outlive this one, and must not keep the port or a
        client.

        Nor may a signal to one arrive here, through the descriptor by which the loop learns of its own: SIGTERM is
        blocked until it is sure of that.
        """
        os.register_at_fork(
            before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}),
            after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM}),
            after_in_child=self._close_after_fork,
        )
        self._config.listener = self._config.address = -1  # closed by `_close_after_fork`

    def _close_after_fork(self) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        for listener in self._listeners:
            listener.close()
        for connection in self._app.connections:
            connection.close_copy()

    def _exit_stuck(self) -> None:
        log("too many runs are stuck; this process ends and is replaced", "E")
        self._exit_code = STUCK_EXIT
        self._stopped.set()

    async def _repeat(self, seconds: float, call: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                call()
            except Exception as error:  # housekeeping must go on, whatever one round met
                log(f"housekeeping failed: {error!r}", "E")


def speaks_grpc(run: RunSettings, slot: int) -> bool:
    """A port is shared by all workers; a unix socket cannot be, so the first one has it."""
    return run.grpc_port is not None or (bool(run.grpc_socket) and slot == 0)
