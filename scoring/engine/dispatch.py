"""One way for the requests of every transport: admit, run, time, count, report to the observers.

A transport reads a request, has it admitted, finds its endpoint and submits it. What comes of it is given back to the
endpoint, which only has to encode and send it.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns
from typing import Any

from scoring.auth.keys import Keys
from scoring.contract import RunSettings
from scoring.core.answer import Answer
from scoring.core.errors import ScoringError, as_error
from scoring.core.log import log
from scoring.core.request import Request
from scoring.core.request_ids import RequestIds, request_context
from scoring.core.timings import Timings
from scoring.counters.telemetry import QUEUED, WAITING, Counters
from scoring.engine.endpoint import Endpoint, RequestT
from scoring.engine.engine import Engine, Served
from scoring.engine.loop_batch import LoopBatch
from scoring.engine.outcome import Observers, Outcome
from scoring.queue.admission import Admission
from scoring.queue.call import Call, QueuedCall

INLINE_BYTES = 256 * 1024  # larger bodies are decoded and run in a thread, however quick the model is
NO_TIMINGS = Timings()


class Dispatcher:
    """Runs the calls of a process: on the loop at once, in a batch of one loop iteration, or in a runner thread.

    `clients` counts those connected by transports that batch calls, which keep it up to date.
    """

    def __init__(
        self,
        run: RunSettings,
        engine: Engine,
        keys: Keys,
        counters: Counters,
        on_stuck: Callable[[], None],
        observers: Observers | None,
    ) -> None:
        """`on_stuck` is called when too many runs have exceeded their timeout for the process to go on."""
        loop = asyncio.get_running_loop()
        self.clients = 0
        self.check_key = keys.check  # of the header Authorization
        self._keys = keys
        self._ids = RequestIds()
        self._counters = counters
        self._all_counters = [counters, *(one.counters for one in engine.served if one.counters is not None)]
        self._observers = observers
        self._is_script = engine.script is not None
        self._batch = LoopBatch(loop, self._finish_batch, lambda: self.clients)
        self._admission = Admission(
            loop,
            runners=engine.runners,
            limit=run.queue_limit,
            wait=run.queue_wait_seconds,
            timeout=run.scoring_timeout_seconds,
            on_stuck=on_stuck,
            prepare_thread=engine.prepare_thread,
        )

    # -- before a request is run

    def authenticate(self, request: Request) -> None:
        """Check the key alone; ScoringError 401."""
        request.key = self._keys.check_request(request)

    def admit(self, request: Request) -> None:
        """Check the key, assign an id, and tell the observers: ScoringError 401 or 431."""
        request.key = self._keys.check_request(request)
        self._ids.assign(request)
        if self._observers is not None:
            self._observers.on_request(request)

    def admit_headers(self, request: Request) -> None:
        """What of `admit` can precede the body; `begin` follows once the body has been read."""
        request.key = self._keys.check_request(request)
        self._ids.assign(request)

    def begin(self, request: Request) -> None:
        """Tell the observers about a request whose headers were admitted before."""
        if self._observers is not None:
            self._observers.on_request(request)

    def refuse(self, request: Request, served: Served | None, status: int, answer: bytes | Answer) -> None:
        """Record a request that gets an error instead of being run; `served` is None while that is unknown."""
        self._record(request, served, status, answer)

    def count_unread(self, status: int) -> None:
        """Count a request that was refused before it could be read."""
        self._counters.record(status, 0, 0, NO_TIMINGS)

    # -- running it

    def submit(self, request: RequestT, endpoint: Endpoint[RequestT], *, threaded: bool = False) -> Call | None:
        """Run an admitted request. Returns its call if that has run already, else `endpoint.on_done` follows.

        `threaded` keeps it off the loop, whatever the pace of its model. ScoringError 503 when the queue is full.
        """
        if threaded or not endpoint.served.pace.inline or len(request.body) > INLINE_BYTES:
            self._enqueue(request, endpoint)
            return None
        call = Call(endpoint.handler, request)
        if self.clients > 1 and endpoint.joins_loop_batches:
            self._batch.add(call, endpoint)
            return None
        began = perf_counter_ns()
        result = call.run()
        endpoint.served.pace.note(perf_counter_ns() - began)
        self._finish(call, endpoint, result, began - request.arrived)
        return call

    def _enqueue(self, request: Request, endpoint: Endpoint[Any]) -> None:
        if self._is_script:  # run() is called one at a time, so not on the loop until the queue is empty
            while len(self._batch):  # a response may let the next pipelined request in
                self._batch.run()
            endpoint.served.pace.inline = False
        self._admission.submit(QueuedCall(endpoint.handler, request, partial(self._finish_queued, endpoint)))

    def _finish_queued(self, endpoint: Endpoint[Any], call: QueuedCall) -> None:
        pace = endpoint.served.pace
        if not isinstance(call.result, ScoringError):
            pace.note(call.decode + call.infer + call.encode)
        if self._is_script and self._admission.waiting:  # as in `_enqueue`
            pace.inline = False
        self._finish(call, endpoint, call.result, call.waited)
        try:
            endpoint.on_done(call.request, call)
        except Exception as error:
            self._lose(call, endpoint, error)

    def _finish_batch(self, endpoint: Endpoint[Any], done: list[tuple[Call, Any]], began: int) -> None:
        """Finish the calls of a loop iteration; those whose results need nothing special are counted together."""
        now = perf_counter_ns()
        endpoint.served.pace.note((now - began) // len(done))
        limit = endpoint.settled_bytes if self._observers is None else 0
        if limit:
            settled = [call for call, result in done if type(result) is bytes and len(result) < limit]
            self._counters.record_batch(settled, began, now)
            if endpoint.served.counters is not None:
                endpoint.served.counters.record_batch(settled, began, now)
            for call in settled if self._is_script else ():
                self._counters.note(call.noted)
        for call, result in done:
            request = call.request
            try:
                if type(result) is bytes and len(result) < limit:
                    call.result = result
                else:
                    self._finish(call, endpoint, result, began - request.arrived)
                endpoint.on_done(request, call)
            except Exception as error:
                self._lose(call, endpoint, error)

    def _finish(self, call: Call, endpoint: Endpoint[Any], result: Any, waited: int) -> None:
        call.result, call.waited = result, waited
        if type(result) is bytes and len(result) < endpoint.settled_bytes:
            self._record(call.request, endpoint.served, 200, result, call)
        elif isinstance(result, BaseException):
            with request_context(call.request):
                call.result = as_error(result)

    @staticmethod
    def _lose(call: Call, endpoint: Endpoint[Any], error: Exception) -> None:
        """One client's trouble must not stop the others' responses."""
        log(f"a response could not be delivered: {error!r}", "E")
        endpoint.on_lost(call.request)

    # -- what is counted and observed

    def record(self, call: Call, endpoint: Endpoint[Any], status: int, answer: bytes | Answer) -> None:
        """Count and report a call whose result was not settled here: once, when its response is known."""
        self._record(call.request, endpoint.served, status, answer, call)

    def _record(
        self, request: Request, served: Served | None, status: int, answer: bytes | Answer, call: Call | None = None
    ) -> None:
        taken = (perf_counter_ns() - request.arrived) // 1000
        timings: Timings = call or NO_TIMINGS
        waited = call.waited // 1000 if call else 0
        self._counters.record(status, taken, waited, timings, request.key)
        if timings.noted:
            self._counters.note(timings.noted)
        if served is None:
            return
        if served.counters is not None:
            served.counters.record(status, taken, waited, timings, request.key)
        if self._observers is not None:
            self._observers.on_response(request, Outcome(status, answer, served, taken, waited, timings))

    # -- housekeeping

    def tick(self) -> None:
        """Once a second: read keys that have changed."""
        self._keys.refresh()

    def sweep(self) -> None:
        """A few times a second: give up what waits or runs too long, and say how much waits."""
        for counters in self._all_counters:
            counters.heartbeat()
        self._admission.sweep()
        self._counters.cells[WAITING] = self._admission.waiting
        self._counters.cells[QUEUED] = self._admission.queued
