"""How copies of requests were answered in the last day, of the windows that fronts report."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone

from deployments.models import Service
from deployments.traffic.shadow_figures import Shadow
from monitoring.models import FrontWindow

DAY = timedelta(days=1)
CACHE_SECONDS = 5  # pages that show it are asked for again while something moves
METRICS = ("copies", "copy_time", "distances")


def read_shadows(service: Service) -> Mapping[int, Shadow]:
    """By number of revision, of those that got copies."""
    key = f"monitoring.telemetry.shadows.{service.pk}"
    found: dict[int, Shadow] | None = cache.get(key)
    if found is None:
        found = _read(service)
        cache.set(key, found, CACHE_SECONDS)
    return found


def _read(service: Service) -> dict[int, Shadow]:
    rows = FrontWindow.objects.filter(
        service=service, start__gte=timezone.now() - DAY, counters__has_key="copies"
    ).values_list("revision", "counters")
    totals: dict[int, dict[str, Counter[str]]] = defaultdict(lambda: {name: Counter() for name in METRICS})
    for revision, counters in rows.iterator(chunk_size=2000):
        for name in METRICS:
            totals[revision][name].update(counters.get(name, {}))
    return {revision: _shadow(**of_one) for revision, of_one in totals.items()}


def _shadow(copies: Counter[str], copy_time: Counter[str], distances: Counter[str]) -> Shadow:
    compared = copies["agreed"] + copies["disagreed"]
    slower = copy_time["copy"] - copy_time["caller"]
    return Shadow(
        compared=compared,
        disagreed=copies["disagreed"],
        failed=copies["failed"],
        dropped=copies["dropped"],
        outputs=_largest(distances),
        slower_ms=slower / compared / 1000 if compared else None,
    )


def _largest(distances: Counter[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for label in distances:
        bound, _, output = label.partition(" ")
        found[output] = max(found.get(output, 0.0), float(bound))
    return dict(sorted(found.items()))
