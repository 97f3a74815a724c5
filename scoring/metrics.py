"""The counters of all processes as Prometheus text."""

from collections.abc import Iterator
from itertools import accumulate

from scoring.contract import BUCKETS, upper_bound
from scoring.telemetry import (
    CODES,
    CPU_MILLISECONDS,
    FIRST_CODE,
    HEAD,
    LATENCY,
    LATENCY_SUM,
    MEMORY,
    NOT_SERVING,
    QUEUE,
    QUEUE_SUM,
    RESTARTS,
    WAITING,
    CounterFile,
)

METRICS_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
# Every fourth bucket is shown: Prometheus keeps a series for each, and 25 % steps are fine enough there.
SHOWN = [bucket for bucket in range(BUCKETS) if bucket % 4 == 3 and 50 <= upper_bound(bucket) <= 120_000_000]


def exposition(file: CounterFile) -> bytes:
    """One scrape, summed over the processes."""
    return ("\n".join(_lines(file)) + "\n").encode()


def _lines(file: CounterFile) -> Iterator[str]:
    totals, master = file.totals(), file.region(0)
    yield "# HELP slipway_requests_total Scoring requests answered, by HTTP status."
    yield "# TYPE slipway_requests_total counter"
    for index, count in enumerate(totals[HEAD : HEAD + CODES]):
        if count:
            yield f'slipway_requests_total{{code="{index + FIRST_CODE}"}} {count}'
    yield from _histogram(
        "slipway_request_duration_seconds", "From the last byte in to the answer.",
        totals[LATENCY : LATENCY + BUCKETS], totals[LATENCY_SUM],
    )  # fmt: skip
    yield from _histogram(
        "slipway_queue_duration_seconds", "Waiting for a run to start.",
        totals[QUEUE : QUEUE + BUCKETS], totals[QUEUE_SUM],
    )  # fmt: skip
    open_now = sum(count for count in file.connections() if 0 <= count < NOT_SERVING)
    yield from _single("slipway_connections", "gauge", "Open connections.", open_now)
    yield from _single("slipway_requests_waiting", "gauge", "Requests queued or running.", totals[WAITING])
    yield from _single("slipway_memory_bytes", "gauge", "Resident memory of all processes.", master[MEMORY])
    yield from _single("slipway_cpu_seconds_total", "counter", "Processor time used.", master[CPU_MILLISECONDS] / 1000)
    yield from _single("slipway_restarts_total", "counter", "Processes replaced after a crash.", master[RESTARTS])


def _single(name: str, kind: str, told: str, value: float) -> Iterator[str]:
    yield f"# HELP {name} {told}"
    yield f"# TYPE {name} {kind}"
    yield f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _histogram(name: str, told: str, cells: list[int], total: int) -> Iterator[str]:
    running = list(accumulate(cells))
    yield f"# HELP {name} {told}"
    yield f"# TYPE {name} histogram"
    for bucket in SHOWN:
        yield f'{name}_bucket{{le="{upper_bound(bucket) / 1e6:g}"}} {running[bucket]}'
    yield f'{name}_bucket{{le="+Inf"}} {running[-1]}'
    yield f"{name}_sum {total / 1e6:.6f}"
    yield f"{name}_count {running[-1]}"
