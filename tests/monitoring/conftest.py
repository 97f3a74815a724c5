"""A service of the workspace `vision`, and its windows."""

import hashlib
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from deployments.models import InferenceConfig, Revision, Service, Target
from monitoring.models import MetricWindow
from scoring.contract import METRICS, bucket_of

TOKEN = "telemetry-token-of-iris"


@pytest.fixture(autouse=True)
def fresh_cache():
    cache.clear()


@pytest.fixture
def make_service(db):
    def make(workspace, name="iris", token=TOKEN):
        target, _ = Target.objects.get_or_create(workspace=workspace, name="local")
        digest = hashlib.sha256(token.encode()).hexdigest()
        port = 20000 + Service.objects.count()
        return Service.objects.create(workspace=workspace, name=name, target=target, telemetry_digest=digest, port=port)

    return make


@pytest.fixture
def service(workspace, make_service):
    return make_service(workspace)


@pytest.fixture
def add_window():
    """`add_window(service, ago=30, codes={"200": 5}, latencies=[1200])` stores a window, begun `ago` s ago."""

    def add(service, *, ago=None, at=None, latencies=(), kind=MetricWindow, **facts):
        start = at or timezone.now() - timedelta(seconds=ago)
        histogram: dict[str, int] = {}
        for microseconds in latencies:
            key = str(bucket_of(microseconds))
            histogram[key] = histogram.get(key, 0) + 1
        facts.setdefault("codes", {"200": len(latencies)} if latencies else {})
        facts.setdefault("sequence", int(start.timestamp() * 1000))
        defaults = {"revision": 1, "replica": "1", "seconds": 5.0, "cpu": 0.5, "memory": 100_000_000}
        facts = defaults | {"latency": histogram} | facts
        maps = {"counter": {}, "histogram": {}, "gauge": {}}
        for name in METRICS.keys() & facts.keys():
            if (value := facts.pop(name)) != {}:
                maps[METRICS[name].kind][name] = value
        counters, histograms, gauges = maps.values()
        return kind.objects.create(
            service=service, start=start, counters=counters, histograms=histograms, gauges=gauges, **facts
        )

    return add


@pytest.fixture
def add_revision(workspace):
    def add(service, number, created_at):
        config, _ = InferenceConfig.objects.get_or_create(
            workspace=service.workspace, name="plain", number=1, defaults={"kind": "no_code"}
        )
        revision = Revision.objects.create(service=service, number=number, config=config, revision_hash="a" * 64)
        Revision.objects.filter(pk=revision.pk).update(created_at=created_at)
        return revision

    return add
