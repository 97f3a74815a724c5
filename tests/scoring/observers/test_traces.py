"""Spans of requests reach an OpenTelemetry collector, below the caller's and above the script's."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.scoring.conftest import double_model, free_port
from tests.scoring.stand_in import StandIn

GOOD = {"data": [[1, 2, 3, 4]]}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=one"}
TRACING_SCRIPT = """
from opentelemetry import trace
tracer = trace.get_tracer("script")
def init(): pass
def run(data):
    with tracer.start_as_current_span("inner"):
        if "fail" in data: raise ValueError("on purpose")
"""
TRACED_PARTS = """
from opentelemetry import trace
tracer = trace.get_tracer("script")
def init(): pass
{kind} run(data):
    with tracer.start_as_current_span("inner"):
        yield 1
"""


class Collector:
    """A stand-in for an OpenTelemetry collector."""

    def __init__(self) -> None:
        self.spans, self.resources = [], []
        stand_in = StandIn(self._take)
        self.address, self.close = stand_in.address, stand_in.close

    def _take(self, body, _):
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(attributes(resource.resource))
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return 200


def attributes(holder) -> dict:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in holder.attributes}


@pytest.fixture
def collector(monkeypatch):
    made = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.address)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield made
    made.close()


def test_request_span_is_a_child_of_the_callers_span(replica, collector):
    replica.with_models(double=double_model).start()
    replica.score(GOOD, headers={**SAMPLED, "x-request-id": "one"})
    replica.until(lambda: collector.spans)
    (span,) = collector.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state) == (TRACE, PARENT, "vendor=one")
    assert span.span_id.hex() != PARENT
    assert (span.name, span.kind) == ("POST /score", Span.SPAN_KIND_SERVER)
    facts = attributes(span)
    assert (facts["http.response.status_code"], facts["slipway.model"], facts["slipway.rows"]) == (200, "double", 1)
    assert facts["slipway.request_id"] == "one"
    parts = sum(facts[f"slipway.{part}_ms"] for part in ("queue", "decode", "infer", "encode"))
    assert 0 < parts <= (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    (resource,) = collector.resources
    assert (resource["service.name"], resource["service.namespace"], resource["service.version"]) == (
        "iris", "vision", "3",
    )  # fmt: skip


def test_unsampled_caller_is_not_traced(replica, collector):
    replica.with_models(double=double_model).start()
    replica.score(GOOD, headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    replica.score(GOOD, headers=SAMPLED)
    replica.stop()
    assert len(collector.spans) == 1


@pytest.mark.parametrize("header", ["nonsense", f"00-{TRACE}-{PARENT}", f"00-{'0' * 32}-{PARENT}-01", "00-é-1-01"])
def test_invalid_trace_context_starts_a_new_trace(replica, collector, header):
    replica.with_models(double=double_model).start()
    assert replica.score(GOOD, headers={b"traceparent": header.encode("latin-1")}).status_code == 200
    replica.until(lambda: collector.spans)
    assert collector.spans[0].trace_id.hex() != TRACE
    assert collector.spans[0].parent_span_id == b""


@pytest.mark.parametrize(
    "script", [TRACING_SCRIPT, TRACED_PARTS.format(kind="def"), TRACED_PARTS.format(kind="async def")]
)
def test_spans_of_a_script_are_children_of_the_request_span(replica, collector, script):
    replica.with_script(script).start()
    replica.score("{}", headers=SAMPLED)
    replica.until(lambda: len(collector.spans) == 2)
    spans = {span.name: span for span in collector.spans}
    assert spans["inner"].trace_id == spans["POST /score"].trace_id == bytes.fromhex(TRACE)
    assert spans["inner"].parent_span_id == spans["POST /score"].span_id


def test_span_of_a_failed_request_has_error_status(replica, collector):
    replica.with_script(TRACING_SCRIPT).start()
    replica.score("fail")
    replica.until(lambda: len(collector.spans) == 2)
    span = next(span for span in collector.spans if span.name == "POST /score")
    assert (span.status.code, attributes(span)["http.response.status_code"]) == (Status.STATUS_CODE_ERROR, 500)


def test_last_spans_are_exported_at_stop(replica, collector, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    replica.with_models(double=double_model).start()
    replica.score(GOOD)
    assert replica.stop() == 0
    assert len(collector.spans) == 1


def test_unreachable_collector_affects_no_request(replica, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    replica.with_models(double=double_model).start()
    assert all(replica.score(GOOD).status_code == 200 for _ in range(20))
    assert replica.stop() == 0


def test_missing_opentelemetry_packages_are_logged_by_name(replica, collector, monkeypatch, tmp_path):
    for name in ("sdk", "exporter"):
        hiding = tmp_path / "hiding" / "opentelemetry" / name
        hiding.mkdir(parents=True)
        (hiding / "__init__.py").write_text("raise ImportError('No module named opentelemetry')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hiding"))
    replica.with_models(double=double_model).start()
    assert replica.score(GOOD, headers=SAMPLED).status_code == 200
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is set, but opentelemetry-sdk and" in replica.log()


def test_unsupported_protocol_is_logged_by_name(replica, collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke")
    replica.with_models(double=double_model).start()
    assert "the protocol smoke is not one of http/protobuf, grpc" in replica.log()


@pytest.mark.parametrize(("name", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_traces_can_be_disabled(replica, collector, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    replica.with_models(double=double_model).start()
    replica.score(GOOD, headers=SAMPLED)
    replica.stop()
    assert collector.spans == []
    assert "traces" not in replica.log()
