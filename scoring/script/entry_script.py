"""The user's entry script: `init()` once per process, `run(data)` per request, as Azure's server calls them.

How run() gets its arguments is in `script/inputs.py`, what may come of it in `script/outputs.py`.
"""

import inspect
import os
import threading
from time import perf_counter_ns
from typing import Any

from scoring.core.answer import Result
from scoring.core.bundle import model_directory
from scoring.core.request import Request
from scoring.core.settings import Replica
from scoring.core.timings import Timings
from scoring.queue.handler import Handler
from scoring.queue.pace import AlwaysThreaded, Pace
from scoring.script.arguments import reader_of, wants_raw_http
from scoring.script.coroutines import finish
from scoring.script.failures import complain, guarded, script_failed
from scoring.script.loading import Run, functions, load, prepare
from scoring.script.openapi import Description
from scoring.script.responses import encode

AT_ONCE = 16  # runs of an `async def` that may wait at the same time
GRACE = 1.0  # seconds that the answer 504 comes before the run is cancelled


class EntryScript(Handler):
    """A script that has been loaded and initialised.

    `runners` says how many calls it takes at once, `takes_options` whether OPTIONS is its own to answer.
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
        waits = inspect.iscoroutinefunction(inspect.unwrap(run))
        begin = _one_at_a_time(run) if waits else run
        self._run = _finished(begin, replica.run.scoring_timeout_seconds + GRACE)
        self.runners = AT_ONCE if waits else 1  # a plain run() need not be safe to call from two threads at once
        self.pace = AlwaysThreaded() if waits else Pace(None)
        guarded("init() raised", models, lambda: _initialise(init))
        self._is_copy = False
        os.register_at_fork(after_in_child=self._mark_copy)

    def answer(self, request: Request, timings: Timings) -> Result:
        """Answer one request."""
        began = perf_counter_ns()
        arguments = self._arguments(request)
        decoded = perf_counter_ns()
        timings.decode = decoded - began
        try:
            result = self._run(**arguments)
        except BaseException as error:  # whatever a script raises belongs to its own request
            if self._is_copy:
                _end_copy(error)
            raise script_failed(error) from error
        finally:
            timings.infer = (ran := perf_counter_ns()) - decoded
        if self._is_copy:
            _end_copy(None)
        answer = encode(result)
        timings.encode = perf_counter_ns() - ran
        return answer

    def _mark_copy(self) -> None:
        self._is_copy = True  # this process was forked by the script: only the original may answer


def _end_copy(error: BaseException | None) -> None:
    """End a forked copy whose run() has come to its end, as a program ends that has come to its own."""
    code: object = bool(error)
    if isinstance(error, SystemExit):
        code = error.code
    elif error is not None:
        complain(f"a process that the script forked ended with {error!r}")
    os._exit(code if isinstance(code, int) else bool(code))


def _finished(run: Run, seconds: float) -> Run:
    """`run` whose coroutine, if that is what it gives, is waited for."""

    def finished(**arguments: Any) -> Any:
        made = run(**arguments)
        return finish(made, seconds) if inspect.iscoroutine(made) else made

    return finished


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
        finish(made)
