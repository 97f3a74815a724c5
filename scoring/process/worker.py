"""A worker process, forked by the master: prepare, load and prove what it serves, then serve."""

import asyncio
import faulthandler
import gc
import importlib
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import uvloop

from scoring.core.errors import StartFailure
from scoring.core.settings import Replica
from scoring.engine.engine import Engine, load_engine
from scoring.engine.loaders import find_loader
from scoring.process import limits
from scoring.process.debugger import open_debugger
from scoring.process.ipc import WorkerConfig, reporting_failure, stack_file
from scoring.process.proof import prove_models
from scoring.process.warm_up import warm_up
from scoring.process.worker_server import WorkerServer
from scoring.script.captured_output import capture_output

LIBRARIES = {"no_code": ("scoring.engine.model_handler",), "entry_script": ("scoring.script.entry_script",)}
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


def run_worker(replica: Replica, config: WorkerConfig) -> int:
    """A worker's whole life, in a process of its own; gives its exit code."""
    _remove_own_folder_from_path()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the master's to handle
    limits.die_with_master(config.lifeline)
    capture_output()
    _stacks.append(stack_file(replica.folder, config.slot).open("w"))
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR2, _stacks[0])
    if numbers := sys.modules.get("numpy.random"):
        numbers.seed()  # or every worker would draw the same ones
    os.register_at_fork(after_in_child=lambda: _close_in_fork(config))
    engine = _load(replica, config)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    # Threads of a stuck run, or of the script, do not keep the process: it ends with this code at once.
    return loop.run_until_complete(WorkerServer(replica, engine, config).run())


def _remove_own_folder_from_path() -> None:
    """What lies beside this package, or where the server was started, is not the script's to import."""
    own = str(Path(__file__).resolve().parents[2])
    left_out = {os.path.realpath(os.getcwd())}
    if os.path.basename(own) not in ("site-packages", "dist-packages"):  # among libraries, which the script may import
        left_out.add(own)
    sys.path[:] = [entry for entry in sys.path if entry and os.path.realpath(entry) not in left_out]
    parts = [part for part in os.environ.pop("PYTHONPATH", "").split(os.pathsep) if part]
    if kept := [part for part in parts if os.path.realpath(part) not in left_out]:
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)  # for programs that the script starts


def _close_in_fork(config: WorkerConfig) -> None:
    """In a process that the script forks while it loads: it must not keep the port, nor the line to the master."""
    for descriptor in (config.listener, config.address, config.report, config.control):
        if descriptor >= 0:
            os.close(descriptor)


def _load(replica: Replica, config: WorkerConfig) -> Engine:
    with reporting_failure(config):
        limits.pin_to_cores(config.cores)
        limits.limit_allocations(replica.run.memory_bytes)
        limits.raise_file_limit(replica.run.connections_limit)
        open_debugger(replica.run, str(replica.bundle_folder / "source"))
        engine = load_engine(replica, config.threads)
        if replica.run.warm_up is not None:
            warm_up(engine, replica, replica.run.warm_up)
        elif replica.run.serve_on_request:
            prove_models(engine, replica.bundle, replica.run.scoring_timeout_seconds)
        return engine
