"""The figures of services over the last minutes, for the headers and lists of other apps."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone

from deployments.models import Service
from monitoring.telemetry.ranges import DEFAULT, RANGES
from monitoring.telemetry.series import Figures, figures_between

CACHE_SECONDS = 5  # pages that show them are asked for again while something moves


def read_recent(services: Iterable[Service]) -> Mapping[int, Figures]:
    """Over the range that the Metrics page begins with, so that both say the same; in one query, and seldom."""
    keys = {f"monitoring.telemetry.recent.{service.pk}": service for service in services}
    found: dict[str, Figures] = cache.get_many(keys)
    missing = [service for key, service in keys.items() if key not in found]
    if missing:
        now = timezone.now()
        read = figures_between(missing, now - timedelta(seconds=RANGES[DEFAULT].seconds), now)
        fresh = {key: read[service.pk] for key, service in keys.items() if key not in found}
        cache.set_many(fresh, CACHE_SECONDS)
        found |= fresh
    return {service.pk: found[key] for key, service in keys.items()}
