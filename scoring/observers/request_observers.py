"""Observers of single requests: access log, traces and data collection, as far as the settings ask for them.

Where they ask for none, there are no observers, and requests pay nothing.
"""

from typing import Protocol

from scoring.core import collecting
from scoring.core.log import current_request_id, log
from scoring.core.request import Request
from scoring.core.request_ids import request_context
from scoring.core.settings import Replica
from scoring.counters.telemetry import Counters
from scoring.engine.outcome import Outcome
from scoring.observers.collector import Collector
from scoring.observers.tracing import Tracer, tracer_for


class RequestObserver(Protocol):
    """Looks at requests that have been answered; called on the loop, so it must not wait."""

    def on_response(self, request: Request, outcome: Outcome) -> None: ...

    def close(self) -> None: ...


class RequestObservers:
    """All observers of a process. Their errors are logged and never affect a response."""

    def __init__(self, observers: list[RequestObserver], tracer: Tracer | None) -> None:
        self._observers = observers
        self._tracer = tracer

    def on_request(self, request: Request) -> None:
        """A request is about to be worked on."""
        if self._tracer is not None:
            request.span = self._tracer.start_span(request)

    def on_response(self, request: Request, outcome: Outcome) -> None:
        """Its response is about to be sent."""
        for observer in self._observers:
            try:
                observer.on_response(request, outcome)
            except Exception as error:
                log(f"a request could not be recorded: {error!r}", "E")

    def close(self) -> None:
        """A moment for what is still to be written."""
        for observer in self._observers:
            observer.close()


class AccessLog:
    """A line for every scoring request."""

    def on_response(self, request: Request, outcome: Outcome) -> None:
        path = request.target.partition(b"?")[0].decode("latin-1")
        answer = outcome.answer
        size = len(answer) if isinstance(answer, bytes) else len(answer.body)
        with request_context(request):
            log(
                f"{request.method.decode('latin-1')} {path}",
                status=outcome.status,
                milliseconds=outcome.taken / 1000,
                received=len(request.body),
                sent=size,
            )

    def close(self) -> None:
        """Every line has been written."""


def observers_for(replica: Replica, counters: Counters, slot: int) -> RequestObservers | None:
    """What the settings and the environment ask for; None where that is nothing."""
    run, observers = replica.run, list[RequestObserver]()
    collecting.set_request_id_source(lambda: current_request_id() or collecting.NO_REQUEST)
    if run.access_log:
        observers.append(AccessLog())
    if run.collect is not None:
        collector = Collector(replica, run.collect, counters, slot)
        collecting.set_sink(collector.collect)
        observers.append(collector)
    tracer = tracer_for(run)
    if tracer is not None:
        observers.append(tracer)
    return RequestObservers(observers, tracer) if observers else None
