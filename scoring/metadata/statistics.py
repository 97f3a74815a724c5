"""How often a model answered and how long its parts took: Triton's extension `statistics` to the protocol.

The figures are those of all processes together, since the service started. A single model has the service's own
counters; where there are several, each is counted once more by itself. A request counts as one inference, whatever
its rows, as Triton counts for a model whose shapes include the batch.
"""

from typing import Any

import orjson

from scoring.contract import BUCKETS
from scoring.core.answer import JSON
from scoring.core.errors import ScoringError
from scoring.core.settings import Replica
from scoring.counters.telemetry import (
    DECODE_SUM,
    ENCODE_SUM,
    FAILED_SUM,
    INFER,
    INFER_SUM,
    LAST_RESPONSE,
    LATENCY_SUM,
    QUEUE_SUM,
    CounterFile,
    Counters,
    by_code,
    runs_by_rows,
)
from scoring.engine.engine import Engine, Served
from scoring.metadata.models import Render

Facts = dict[str, Any]
BEFORE_MODEL = frozenset((401, 405, 408, 413, 417, 431))  # statuses of requests refused before they reached a model


def attach(engine: Engine, replica: Replica, counters: Counters, slot: int) -> None:
    """Set where every model is counted."""
    models = [one for one in engine.served if one.is_model]
    for model, path in zip(models, replica.model_counters, strict=False):
        model.counters = Counters(CounterFile(path), slot)
    for model in models:
        model.counted = (model.counters or counters).file


def model_statistics(_: Engine, served: Served) -> Render:
    """`/v2/models/<name>/stats`; 404 for an entry script."""
    return lambda _: (JSON, orjson.dumps(statistics([served])))


def all_statistics(engine: Engine) -> Render:
    """`/v2/models/stats`."""
    return lambda _: (JSON, orjson.dumps(statistics([one for one in engine.served if one.is_model])))


def statistics(models: list[Served]) -> Facts:
    """The statistics of these models, over every protocol."""
    return {"model_stats": [_of(model) for model in models]}


def _of(model: Served) -> Facts:
    if model.counted is None:
        message = "An entry script is not counted by model: /metrics has the service's figures."
        raise ScoringError(404, "not_found", message)
    file = model.counted
    cells = file.totals()
    ran = sum(cells[INFER : INFER + BUCKETS])
    runs = runs_by_rows(cells)
    return {
        "name": model.name,
        "version": str(model.version),
        "last_inference": max(file.region(slot + 1)[LAST_RESPONSE] for slot in range(file.workers)),
        "inference_count": ran,
        "execution_count": sum(run.runs for run in runs.values()),
        "inference_stats": _inference(cells, ran),
        "response_stats": {},
        "batch_stats": [
            {
                "batch_size": rows,
                "compute_input": _duration(run.runs, run.decode),
                "compute_infer": _duration(run.runs, run.infer),
                "compute_output": _duration(run.runs, run.encode),
            }
            for rows, run in runs.items()
        ],
        "memory_usage": [],
    }


def _inference(cells: list[int], ran: int) -> Facts:
    codes = by_code(cells)
    succeeded = sum(count for code, count in codes.items() if code < 400)
    failed = sum(count for code, count in codes.items() if code >= 400 and code not in BEFORE_MODEL)
    return {
        "success": _duration(succeeded, (cells[LATENCY_SUM] - cells[FAILED_SUM]) * 1000),
        "fail": _duration(failed, cells[FAILED_SUM] * 1000),
        "queue": _duration(succeeded + failed, cells[QUEUE_SUM] * 1000),
        "compute_input": _duration(ran, cells[DECODE_SUM]),
        "compute_infer": _duration(ran, cells[INFER_SUM]),
        "compute_output": _duration(ran, cells[ENCODE_SUM]),
        "cache_hit": _duration(0, 0),
        "cache_miss": _duration(0, 0),
    }


def _duration(count: int, nanoseconds: int) -> Facts:
    return {"count": count, "ns": nanoseconds}
