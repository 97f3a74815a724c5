"""Answers that describe the service: health, protocol metadata, OpenAPI, metrics."""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qs

import orjson

from scoring.contract import RunSettings
from scoring.core.answer import JSON, TEXT
from scoring.core.errors import ScoringError
from scoring.core.request import Request
from scoring.counters.prometheus import METRICS_TYPE, exposition
from scoring.counters.telemetry import CounterFile
from scoring.engine.engine import Engine
from scoring.metadata.models import Render, index, static_json
from scoring.metadata.openapi import describe
from scoring.metadata.server import SERVER, VERSION
from scoring.metadata.statistics import all_statistics

READ = frozenset((b"GET", b"HEAD"))


class Page(NamedTuple):
    """A fixed address: what it returns, whether it needs the key, and which methods it takes."""

    answer: Render
    secured: bool = True
    methods: frozenset[bytes] = READ


def pages(run: RunSettings, engine: Engine, file: CounterFile, ready: Callable[[], bool]) -> dict[bytes, Page]:
    """The fixed addresses."""
    alive = Page(lambda _: (JSON, b"\n"), secured=False)
    return {
        b"/": Page(lambda _: (TEXT, b"Healthy"), secured=False),
        b"/v2/health/live": Page(lambda _: (JSON, b'{"live":true}'), secured=False),
        b"/v2/health/ready": Page(lambda _: (JSON, _ready_body(ready())), secured=False),
        b"/v2": Page(static_json(SERVER)),
        b"/v2/models/stats": Page(all_statistics(engine)),
        b"/v2/repository/index": Page(index(engine), methods=READ | {b"POST"}),
        b"/v1/models": Page(static_json({"models": sorted({one.name for one in engine.served})})),
        b"/ping": alive,  # these three are MLflow's
        b"/health": alive,
        b"/version": Page(lambda _: (TEXT, VERSION.encode())),
        b"/swagger.json": Page(_swagger(run, engine)),
        b"/metrics": Page(lambda _: (METRICS_TYPE, exposition(file))),
    }


def _ready_body(ready: bool) -> bytes:
    if not ready:
        raise ScoringError(503, "stopping", "The server is stopping.")
    return b'{"ready":true}'


def _swagger(run: RunSettings, engine: Engine) -> Render:
    def answer(request: Request) -> tuple[bytes, bytes]:
        version = parse_qs(request.query.decode("latin-1")).get("version", ["2"])[-1]
        document = describe(run.service, engine, version)
        script = engine.script
        return JSON, orjson.dumps(document) if script is None else script.description.fill(document, version)

    return answer
