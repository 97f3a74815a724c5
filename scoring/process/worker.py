"""One serving process: load, report, serve, drain. Forked by the master, with descriptors of its."""

import asyncio
import faulthandler
import gc
import importlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TextIO

import msgspec
import uvloop

from scoring.auth.keys import Keys
from scoring.contract import Failure
from scoring.core.errors import StartFailure
from scoring.core.log import log
from scoring.core.settings import Replica
from scoring.counters.telemetry import CONNECTIONS, NOT_SERVING, CounterFile, Counters
from scoring.engine.dispatch import Dispatcher
from scoring.engine.engine import Engine, load_engine
from scoring.engine.loaders import find_loader
from scoring.http.connection import Connection
from scoring.http.handler import HttpHandler
from scoring.metadata.statistics import attach
from scoring.observers.watch import watch_of
from scoring.process import limits
from scoring.process.acceptor import Acceptor
from scoring.process.ipc import WorkerConfig, WorkerFailed, WorkerReady, stack_file
from scoring.process.proof import prove_models
from scoring.process.serving import Serving, listening_socket
from scoring.process.warm_up import warm_up
from scoring.rpc import rpc_server
from scoring.rpc.parts import Parts
from scoring.script.captured_output import capture_output

if TYPE_CHECKING:
    from scoring.rpc.server import RpcServer

LIBRARIES = {"no_code": ("scoring.engine.model_handler",), "entry_script": ("scoring.script.entry_script",)}
DRAIN_SECONDS = 8.5  # the master allows ten in all
QUIET_SECONDS = 0.4  # how long an idle connection must have been silent before draining closes it
STUCK_EXIT = 70
SWEEP_SECONDS = 0.25
_stacks: list[TextIO] = []  # keeps the file open that faulthandler writes to


def preload(replica: Replica) -> None:
    """Load what all workers will need, before they are forked, and keep their collectors from copying it.

    Garbage is collected from here on, not while the program began.
    """
    os.environ.update(limits.thread_variables(os.environ, 1))
    with suppress(ImportError, StartFailure):  # the worker reports what is missing
        for name in LIBRARIES[replica.bundle.kind]:
            importlib.import_module(name)
        for model in replica.bundle.models if replica.bundle.kind == "no_code" else ():
            find_loader(model)
    gc.collect()
    gc.freeze()
    gc.enable()


def work(replica: Replica, config: WorkerConfig) -> int:
    """A worker's whole life, in a process of its own; gives its exit code."""
    _forget_own_folder()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the master's to handle
    limits.die_with_master(config.lifeline)
    capture_output()
    _stacks.append(stack_file(replica.folder, config.slot).open("w"))
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR2, _stacks[0])
    if numbers := sys.modules.get("numpy.random"):
        numbers.seed()  # or every worker would draw the same ones
    os.register_at_fork(after_in_child=lambda: _close_in_copy(config))
    engine = _load(replica, config)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    # Threads of a stuck run, or of the script, do not keep the process: it ends with this code at once.
    return loop.run_until_complete(Server(replica, engine, config).run())


def _forget_own_folder() -> None:
    """What lies beside this package, or where the server was started, is not the script's to import."""
    own = str(Path(__file__).resolve().parents[2])
    left_out = {os.path.realpath(os.getcwd())}
    if os.path.basename(own) not in ("site-packages", "dist-packages"):  # among libraries, which the script may import
        left_out.add(own)
    sys.path[:] = [entry for entry in sys.path if entry and os.path.realpath(entry) not in left_out]
    parts = [part for part in os.environ.pop("PYTHONPATH", "").split(os.pathsep) if part]
    if kept := [part for part in parts if os.path.realpath(part) not in left_out]:
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)  # for programs that the script starts


def _close_in_copy(config: WorkerConfig) -> None:
    """In a process that the script forks while it loads: it must not keep the port, nor the line to the master."""
    for descriptor in (config.listener, config.address, config.report, config.control):
        if descriptor >= 0:
            os.close(descriptor)


def _load(replica: Replica, config: WorkerConfig) -> Engine:
    with _failure_told(config):
        limits.stay_on(config.cores)
        limits.brake_memory(replica.run.memory_bytes)
        limits.allow_connections(replica.run.connections_limit)
        engine = load_engine(replica, config.threads)
        if replica.run.warm_up is not None:
            warm_up(engine, replica, replica.run.warm_up)
        elif replica.run.serve_on_request:
            prove_models(engine, replica.bundle, replica.run.scoring_timeout_seconds)
        return engine


@contextmanager
def _failure_told(config: WorkerConfig) -> Iterator[None]:
    """What goes wrong before the worker is ready ends it, and the master learns why."""
    try:
        yield
    except StartFailure as error:
        _tell(config, WorkerFailed(error.failure))
        sys.exit(3)
    except Exception as error:  # a fault of ours, or of a library in a way nobody foresaw
        failure = Failure("internal", f"Loading failed: {error!r}", traceback.format_exc())
        _tell(config, WorkerFailed(failure))
        sys.exit(3)


def _tell(config: WorkerConfig, report: WorkerReady | WorkerFailed) -> None:
    with os.fdopen(config.report, "wb") as pipe:
        pipe.write(msgspec.json.encode(report))
    config.report = -1


class Server:
    """The loop of a worker."""

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
        with _failure_told(config):
            keys = Keys(self._replica.folder / "keys.json", run.auth)
        watch = watch_of(self._replica, self._counters, config.slot)
        dispatcher = Dispatcher(run, self._engine, keys, self._counters, self._give_up, watch)
        self._app = HttpHandler(run, self._engine, dispatcher, self._counters, self._give_up)
        parts = Parts(self._replica, self._engine, dispatcher, lambda: self._app.draining)
        make_rpc = None if run.grpc_port is None else partial(rpc_server, parts)
        acceptor = self._acceptor(config.listener, at_address=False)
        with _failure_told(config):
            rpc, serving = await self._open(make_rpc)
        _tell(config, WorkerReady(self._engine.seconds))
        self._let_copies_go()
        gc.collect()
        gc.freeze()  # what is loaded stays; the collector need not look at it again
        acceptor.start()
        if serving is not None:
            serving.follow(config.control, serves=config.serves)
        housekeeping = [loop.create_task(self._every(seconds, call)) for seconds, call in (
            (1.0, dispatcher.tick), (1.0, self._app.tick),
            (SWEEP_SECONDS, dispatcher.sweep), (SWEEP_SECONDS, self._app.sweep),
        )]  # fmt: skip
        await self._stopped.wait()
        self._app.drain()
        draining = [one for one in (rpc and rpc.drain(DRAIN_SECONDS), serving and serving.stop(DRAIN_SECONDS)) if one]
        await asyncio.gather(self._drain(acceptor), *draining)
        if watch is not None:
            watch.close()
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

    def _let_copies_go(self) -> None:
        """Prepare for processes that the script forks: they may outlive this one, and must not keep the port or a
        client.

        Nor may a signal to one arrive here, through the descriptor by which the loop learns of its own: SIGTERM is
        blocked until it is sure of that.
        """
        os.register_at_fork(
            before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}),
            after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM}),
            after_in_child=self._let_go,
        )
        self._config.listener = self._config.address = -1  # closed by `_let_go`

    def _let_go(self) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        for listener in self._listeners:
            listener.close()
        for connection in self._app.connections:
            connection.close_copy()

    def _give_up(self) -> None:
        log("too many runs are stuck; this process ends and is replaced", "E")
        self._exit_code = STUCK_EXIT
        self._stopped.set()

    async def _every(self, seconds: float, call: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                call()
            except Exception as error:  # housekeeping must go on, whatever one round met
                log(f"housekeeping failed: {error!r}", "E")
