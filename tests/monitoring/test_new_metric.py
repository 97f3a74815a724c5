"""A metric added to the contract's table appears everywhere without another change."""

from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone

from monitoring.models import MetricWindow
from monitoring.telemetry import ingest
from monitoring.telemetry.rollups import roll_up
from monitoring.telemetry.series import merge
from scoring.contract import METRICS, Bundle, Metric, Push, RunSettings
from scoring.core.settings import Replica
from scoring.counters.prometheus import exposition
from scoring.counters.telemetry import Counters, create
from scoring.counters.windows import WindowCutter
from tests.monitoring.conftest import TOKEN

NEW = (
    Metric(name="cache", kind="counter", unit="requests", labels=("hit", "miss"), help="Look-ups of the cache."),
    Metric(name="tokens", kind="counter", unit="tokens", help="Tokens written."),
    Metric(name="first_token", kind="histogram", unit="microseconds", help="Until the first token."),
    Metric(name="sessions", kind="gauge", unit="sessions", merge="max", help="Open sessions."),
)


@pytest.fixture
def file(monkeypatch, tmp_path):
    for metric in NEW:
        monkeypatch.setitem(METRICS, metric.name, metric)
    file = create(tmp_path / "counters.bin", 2)
    for slot in (0, 1):
        counters = Counters(file, slot)
        counters.add("cache", 3, "hit")
        counters.add("tokens", 50)
        counters.add("first_token", 2000)
        counters.add("sessions", 4)
    return file


def test_new_metric_is_in_the_prometheus_metrics(file):
    lines = exposition(file).decode().splitlines()
    assert {
        'slipway_cache_total{label="hit"} 6',
        'slipway_cache_total{label="miss"} 0',
        "slipway_tokens_total 100",
        "slipway_first_token_duration_seconds_count 2",
        "slipway_first_token_duration_seconds_sum 0.004000",
        "slipway_sessions 8",
    } <= set(lines)


def test_new_metric_is_in_windows_roll_ups_and_series(file, service, tmp_path):
    run = RunSettings(service="iris", workspace="vision", revision=1, recipe="", bundle="")
    cutter, now = WindowCutter(Replica(run, Bundle("no_code", []), tmp_path, tmp_path), file), timezone.now()
    windows = [cutter.cut(0.0, 0), cutter.cut(0.0, 0)]
    for number, window in enumerate(windows):
        window.start, window.seconds = now.timestamp() // 600 * 600 - 7200 + 5 * number, 5.0
    body = msgspec.json.encode(Push(service=service.pk, windows=windows))
    assert ingest.accept(TOKEN, ingest.decode(body)) == 2
    assert roll_up(now) == 2
    row = MetricWindow.objects.get()
    assert (row.counters["cache"], row.counters["tokens"], row.gauges["sessions"]) == ({"hit": 6}, {"": 100}, 8)
    read = merge([row], row.start, row.start + timedelta(seconds=60), 60).metrics
    assert read.rate("cache", "hit") == pytest.approx([0.1])
    assert read.rate("tokens") == pytest.approx([100 / 60])
    assert read.percentile("first_token", 0.5) == [pytest.approx(2, rel=0.07)]
    assert read.gauge("sessions") == [8]
