"""Answers that describe the service: health, protocol metadata, OpenAPI, metrics."""

from collections.abc import Callable
from urllib.parse import parse_qs

import orjson

from scoring.answer import JSON
from scoring.contract import RunSettings
from scoring.engine import Engine, Served
from scoring.errors import ScoringError
from scoring.metrics import METRICS_TYPE, exposition
from scoring.openapi import describe
from scoring.replies import TEXT
from scoring.request import Request
from scoring.telemetry import CounterFile

Plain = Callable[[Request], tuple[bytes, bytes]]  # content type and body
SERVER = {"name": "slipway", "version": "2", "extensions": []}


def plain_routes(
    run: RunSettings, engine: Engine, file: CounterFile, ready: Callable[[], bool]
) -> dict[bytes, tuple[Plain, bool]]:
    """Fixed addresses: what each answers, and whether it needs the key."""
    answers: dict[bytes, tuple[Plain, bool]] = {
        b"/": (lambda _: (TEXT, b"Healthy"), False),
        b"/v2/health/live": (lambda _: (JSON, b'{"live":true}'), False),
        b"/v2/health/ready": (lambda _: (JSON, _ready_body(ready())), False),
        b"/v2": (lambda _: (JSON, orjson.dumps(SERVER)), True),
        b"/swagger.json": (_swagger(run, engine), True),
        b"/metrics": (lambda _: (METRICS_TYPE, exposition(file)), True),
    }
    return answers


def model_metadata(served: Served) -> Plain:
    """`/v2/models/<name>`: what goes in and what comes out."""
    facts = {"inputs": [], "outputs": []} | served.signature
    body = {
        "name": served.name,
        "versions": [str(served.version)],
        "platform": "onnxruntime_onnx" if served.is_model else "python_entry_script",
    }
    return lambda _: (JSON, orjson.dumps(body | facts))


def ready_answer(served: Served) -> Plain:
    """`/v2/models/<name>/ready`."""
    return lambda _: (JSON, orjson.dumps({"name": served.name, "ready": True}))


def _ready_body(ready: bool) -> bytes:
    if not ready:
        raise ScoringError(503, "stopping", "The server is stopping.")
    return b'{"ready":true}'


def _swagger(run: RunSettings, engine: Engine) -> Plain:
    def answer(request: Request) -> tuple[bytes, bytes]:
        version = parse_qs(request.query.decode("latin-1")).get("version", ["2"])[-1]
        return JSON, orjson.dumps(describe(run.service, engine, version))

    return answer
