"""The counters of all processes as Prometheus text."""

from collections.abc import Callable, Iterator
from itertools import accumulate

from scoring.contract import BUCKETS, KEYS, METRICS, Metric, upper_bound
from scoring.counters.telemetry import (
    COLLECTED,
    CPU_MILLISECONDS,
    DECODE_SUM,
    DROPPED,
    ENCODE_SUM,
    INFER,
    INFER_SUM,
    LATENCY,
    LATENCY_SUM,
    MEMORY,
    NOT_SERVING,
    QUEUE,
    QUEUE_SUM,
    QUEUED,
    RESTARTS,
    WAITING,
    CounterFile,
    by_key,
    by_rows,
)

METRICS_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
# Every fourth bucket is shown: Prometheus keeps a series for each, and 25 % steps are fine enough there.
SHOWN_BUCKETS = [bucket for bucket in range(BUCKETS) if bucket % 4 == 3 and 50 <= upper_bound(bucket) <= 120_000_000]
ROWS_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 255)


def exposition(file: CounterFile) -> bytes:
    """One scrape, summed over the processes: the metrics of the contract's table, and the state of the server."""
    totals = file.totals()
    lines: list[str] = []
    for metric in (one for one in METRICS.values() if one.by == "replica" and one.name != "events"):
        lines += FAMILIES[metric.name](totals) if metric.name in FAMILIES else _plain(metric, file, totals)
    lines += _events(file)
    lines += _state(file, totals)
    return ("\n".join(lines) + "\n").encode()


def _plain(metric: Metric, file: CounterFile, totals: list[int]) -> Iterator[str]:
    """A metric that needs no form of its own."""
    name = f"slipway_{metric.name}"
    if metric.kind == "histogram":
        first = file.places[metric.name, ""]
        cells, total = totals[first : first + BUCKETS], totals[first + BUCKETS] / 1e6
        yield from _histogram(f"{name}_duration_seconds", metric.help, cells, total)
        return
    name += "_total" if metric.kind == "counter" else ""
    yield from _head(name, metric.kind, metric.help)
    for label in metric.labels:
        selector = f'{{label="{label}"}}' if label else ""
        yield f"{name}{selector} {totals[file.places[metric.name, label]]}"


def _requests(totals: list[int]) -> Iterator[str]:
    yield from _head("slipway_requests_total", "counter", "Scoring requests answered, by HTTP status and key.")
    for key, name in enumerate(KEYS):
        for code, count in by_key(totals, key).items():
            yield f'slipway_requests_total{{code="{code}",key="{name}"}} {count}'


def _latency(totals: list[int]) -> Iterator[str]:
    cells, total = totals[LATENCY : LATENCY + BUCKETS], totals[LATENCY_SUM] / 1e6
    return _histogram("slipway_request_duration_seconds", METRICS["latency"].help, cells, total)


def _queue(totals: list[int]) -> Iterator[str]:
    cells, total = totals[QUEUE : QUEUE + BUCKETS], totals[QUEUE_SUM] / 1e6
    return _histogram("slipway_queue_duration_seconds", METRICS["queue"].help, cells, total)


def _inference(totals: list[int]) -> Iterator[str]:
    cells, total = totals[INFER : INFER + BUCKETS], totals[INFER_SUM] / 1e9
    return _histogram("slipway_inference_duration_seconds", "The model's run, or the entry script's.", cells, total)


def _spent(totals: list[int]) -> Iterator[str]:
    """The parts of the time that have no histogram."""
    ran = sum(totals[INFER : INFER + BUCKETS])
    for name, help_text, cell in (
        ("decode", "Reading the body of requests that reached the model.", DECODE_SUM),
        ("encode", "Writing the answer of the model.", ENCODE_SUM),
    ):
        yield from _head(f"slipway_{name}_duration_seconds", "summary", help_text)
        yield f"slipway_{name}_duration_seconds_sum {totals[cell] / 1e9:.6f}"
        yield f"slipway_{name}_duration_seconds_count {ran}"


def _batches(totals: list[int]) -> Iterator[str]:
    rows, name = by_rows(totals), "slipway_batch_size"
    yield from _head(name, "histogram", "Rows of the run that a request shared, once for each request.")
    for bound in ROWS_BOUNDS:
        yield f'{name}_bucket{{le="{bound}"}} {sum(count for size, count in rows.items() if size <= bound)}'
    yield f'{name}_bucket{{le="+Inf"}} {sum(rows.values())}'
    yield f"{name}_sum {sum(size * count for size, count in rows.items())}"
    yield f"{name}_count {sum(rows.values())}"


def _events(file: CounterFile) -> Iterator[str]:
    """Of scripts that note events alone."""
    events = sorted(file.events().items())
    if events:
        yield from _head("slipway_events_total", "counter", METRICS["events"].help)
    for name, count in events:
        yield f'slipway_events_total{{event="{name}"}} {count}'


def _state(file: CounterFile, totals: list[int]) -> Iterator[str]:
    master = file.region(0)
    open_now = sum(count for count in file.connections() if 0 <= count < NOT_SERVING)
    yield from _single("slipway_connections", "gauge", "Open connections.", open_now)
    yield from _single("slipway_requests_in_flight", "gauge", "Requests queued or running.", totals[WAITING])
    yield from _single("slipway_queue_length", "gauge", "Requests that wait for a run to start.", totals[QUEUED])
    yield from _single("slipway_memory_bytes", "gauge", "Resident memory of all processes.", master[MEMORY])
    yield from _single("slipway_cpu_seconds_total", "counter", "Processor time used.", master[CPU_MILLISECONDS] / 1000)
    yield from _single("slipway_restarts_total", "counter", "Processes replaced after a crash.", master[RESTARTS])
    yield from _single("slipway_collected_rows_total", "counter", "Rows of collected data written.", totals[COLLECTED])
    yield from _single(
        "slipway_collection_dropped_rows_total", "counter", "Rows of collected data dropped.", totals[DROPPED]
    )


def _head(name: str, kind: str, help_text: str) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"


def _single(name: str, kind: str, help_text: str, value: float) -> Iterator[str]:
    yield from _head(name, kind, help_text)
    yield f"{name} {value}"


def _histogram(name: str, help_text: str, cells: list[int], total: float) -> Iterator[str]:
    running = list(accumulate(cells))
    yield from _head(name, "histogram", help_text)
    for bucket in SHOWN_BUCKETS:
        yield f'{name}_bucket{{le="{upper_bound(bucket) / 1e6:g}"}} {running[bucket]}'
    yield f'{name}_bucket{{le="+Inf"}} {running[-1]}'
    yield f"{name}_sum {total:.6f}"
    yield f"{name}_count {running[-1]}"


# Metrics that are shown in a form of their own: requests by status and key together, runs as a histogram of their rows.
# Processor time and memory are shown with the state of the server.
FAMILIES: dict[str, Callable[[list[int]], Iterator[str]]] = {
    "codes": _requests,
    "keys": lambda _: iter(()),
    "spent": _spent,
    "rows": _batches,
    "latency": _latency,
    "queue": _queue,
    "infer": _inference,
    "cpu": lambda _: iter(()),
    "memory": lambda _: iter(()),
}
