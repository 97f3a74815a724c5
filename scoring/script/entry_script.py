"""The user's entry script: `init()` once per process, `run(data)` per request, as Azure's server calls them.

How run() gets its arguments is in `arguments.py`, what it may return in `responses.py`.
"""

import inspect
import os
import threading
from time import perf_counter_ns
from typing import Any

from scoring.core.answer import Result
from scoring.core.bundle import model_directory
from scoring.core.noting import noting
from scoring.core.request import Request
from scoring.core.settings import Replica
from scoring.core.timings import Timings
from scoring.queue.handler import Handler
from scoring.queue.pace import AlwaysThreaded, Pace
from scoring.script.arguments import reader_of, wants_raw_http
from scoring.script.coroutines import run_coroutine
from scoring.script.failures import guarded, log_lines, script_failed
from scoring.script.loading import Run, functions, load, prepare
from scoring.script.openapi import Description
from scoring.script.responses import encode

MAX_CONCURRENT = 16  # runs of an `async def` that may wait at the same time
CANCEL_DELAY = 1.0  # seconds after the response 504 until the run is cancelled


class EntryScript(Handler):
    """A script that has been loaded and initialised.

    `runners` is how many calls it takes at once, `takes_options` whether it answers OPTIONS itself.
    """

    def __init__(self, replica: Replica) -> None:
        models = model_directory(replica.bundle_folder, replica.bundle)
        source = replica.bundle_folder / "source"
        path = source / (replica.bundle.entry_script or "score.py")
        prepare(replica, source, path, models)
        module = guarded("The script raised while it was imported", models, lambda: load(path))
        init, run = functions(module, path)
        self._arguments = reader_of(run, path)
        self.takes_options = wants_raw_http()
        self.description = Description(run, source)
        is_async = inspect.iscoroutinefunction(inspect.unwrap(run))
        start = _one_at_a_time(run) if is_async else run
        self._run = _awaited(start, replica.run.scoring_timeout_seconds + CANCEL_DELAY)
        self.runners = MAX_CONCURRENT if is_async else 1  # a plain run() need not be thread-safe
        self.pace = AlwaysThreaded() if is_async else Pace(None)
        guarded("init() raised", models, lambda: _initialise(init))
        self._is_fork = False
        os.register_at_fork(after_in_child=self._mark_fork)

    def answer(self, request: Request, timings: Timings) -> Result:
        """Answer one request."""
        began = perf_counter_ns()
        arguments = self._arguments(request)
        decoded = perf_counter_ns()
        timings.decode = decoded - began
        try:
            with noting() as timings.noted:
                result = self._run(**arguments)
        except BaseException as error:  # whatever a script raises belongs to its own request
            if self._is_fork:
                _exit_fork(error)
            raise script_failed(error) from error
        finally:
            timings.infer = (ran := perf_counter_ns()) - decoded
        if self._is_fork:
            _exit_fork(None)
        answer = encode(result)
        timings.encode = perf_counter_ns() - ran
        return answer

    def _mark_fork(self) -> None:
        self._is_fork = True  # this process was forked by the script: only the original may answer


def _exit_fork(error: BaseException | None) -> None:
    """Exit a process that the script forked and whose run() has returned, with the exit code of a program."""
    code: object = bool(error)
    if isinstance(error, SystemExit):
        code = error.code
    elif error is not None:
        log_lines(f"a process that the script forked ended with {error!r}")
    os._exit(code if isinstance(code, int) else bool(code))


def _awaited(run: Run, seconds: float) -> Run:
    """`run`, and the coroutine that it may return, to their end."""

    def awaited(**arguments: Any) -> Any:
        made = run(**arguments)
        return run_coroutine(made, seconds) if inspect.iscoroutine(made) else made

    return awaited


def _one_at_a_time(run: Run) -> Run:
    """`run` called by one thread at a time: what wraps an `async def` may well do all of its work before it returns."""
    lock = threading.Lock()

    def locked(**arguments: Any) -> Any:
        with lock:
            return run(**arguments)

    return locked


def _initialise(init: Run) -> None:
    made = init()
    if inspect.iscoroutine(made):
        run_coroutine(made)
