"""Traces: a span for every request, below the caller's, exported with OpenTelemetry where that is configured.

Configured means OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) and the other variables of OpenTelemetry's
specification, which its SDK reads itself: OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
OTEL_BSP_*. By default the sampled flag of the caller's `traceparent` (W3C Trace Context) decides. A thread exports;
spans beyond its queue are dropped.
"""

import os
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any

from scoring.contract import RunSettings
from scoring.core.log import log
from scoring.core.request import Request

if TYPE_CHECKING:
    from scoring.engine.outcome import Outcome

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
EXPORTERS = {"http/protobuf": "http", "grpc": "grpc"}
EXPORT_SECONDS = 0.8


def tracer_for(run: RunSettings, environment: Mapping[str, str] = os.environ) -> "Tracer | None":
    """A tracer where the environment asks for one. What is missing for that is logged."""
    endpoint = next((name for name in ENDPOINTS if environment.get(name)), None)
    disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if endpoint is None or disabled or environment.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), "http/protobuf")
    kind = EXPORTERS.get(protocol)
    if kind is None:
        log(f"no traces are exported: the protocol {protocol} is not one of {', '.join(EXPORTERS)}", "W")
        return None
    try:
        return Tracer(run, kind)
    except ImportError as error:
        packages = f"opentelemetry-sdk and opentelemetry-exporter-otlp-proto-{kind}"
        log(f"no traces are exported: {endpoint} is set, but {packages} cannot be imported ({error})", "W")
        return None


class Tracer:
    """Makes spans, and ends them. Raises ImportError where OpenTelemetry is not installed."""

    def __init__(self, run: RunSettings, kind: str) -> None:
        from opentelemetry import trace  # only here: few services are traced
        from opentelemetry.context import Context
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        exporter = import_module(f"opentelemetry.exporter.otlp.proto.{kind}.trace_exporter").OTLPSpanExporter
        self._provider = TracerProvider(resource=Resource.create(_resource_attributes(run)))
        self._provider.add_span_processor(BatchSpanProcessor(exporter()))
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):  # the script has brought none
            trace.set_tracer_provider(self._provider)
        self._tracer = self._provider.get_tracer("slipway.scoring")
        self._propagator = TraceContextTextMapPropagator()
        self._root = Context()
        self._server, self._failed = trace.SpanKind.SERVER, trace.StatusCode.ERROR

    def start_span(self, request: Request) -> "Span":
        """A span below the caller's, from the moment that the request had arrived."""
        carrier = {
            name: request.headers[name.encode()].decode("latin-1")
            for name in ("traceparent", "tracestate")
            if name.encode() in request.headers
        }
        parent = self._propagator.extract(carrier, self._root) if carrier else self._root
        method, path = request.method.decode("latin-1"), request.target.partition(b"?")[0].decode("latin-1")
        span = self._tracer.start_span(
            f"{method} {path}",
            parent,
            self._server,
            {"http.request.method": method, "url.path": path, "slipway.request_id": request.id.decode("latin-1")},
            start_time=time_ns() - (perf_counter_ns() - request.arrived),
        )
        return Span(span)

    def on_response(self, request: Request, outcome: "Outcome") -> None:
        """The span's end, with what is known of the way."""
        if request.span is None:
            return
        span = request.span.span
        if span.is_recording():
            span.set_attributes(_span_attributes(outcome))
            if outcome.status >= 500:
                span.set_status(self._failed)
        span.end()

    def close(self) -> None:
        """Export what is left; a collector that does not answer must not hold up the end."""
        thread = threading.Thread(target=self._provider.shutdown, daemon=True)
        thread.start()
        thread.join(EXPORT_SECONDS)


class Span:
    """The trace of one request, for spans that the script makes below it."""

    __slots__ = ("span",)

    def __init__(self, span: Any) -> None:
        self.span = span

    def within(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call with this span as the current one."""
        from opentelemetry import context, trace  # loaded long ago, by the tracer

        token = context.attach(trace.set_span_in_context(self.span))
        try:
            return call(*arguments)
        finally:
            context.detach(token)


def _resource_attributes(run: RunSettings) -> dict[str, str]:
    names = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": run.service}
    return names | {
        "service.namespace": run.workspace,
        "service.version": str(run.revision),
        "service.instance.id": run.replica,
    }


def _span_attributes(outcome: "Outcome") -> dict[str, Any]:
    timings = outcome.timings
    return {
        "http.response.status_code": outcome.status,
        "slipway.queue_ms": outcome.waited / 1e3,
        "slipway.decode_ms": timings.decode / 1e6,
        "slipway.infer_ms": timings.infer / 1e6,
        "slipway.encode_ms": timings.encode / 1e6,
        "slipway.rows": timings.rows,
        "slipway.model": outcome.served.name,
        "slipway.model_version": str(outcome.served.version),
    }
