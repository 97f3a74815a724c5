"""The time ranges that people choose from, each with a step that makes about 200 points or fewer."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from deployments.models import Service
from monitoring.telemetry.series import Series, aligned, service_series
from studio.core.errors import BadInput


@dataclass(frozen=True)
class TimeRange:
    """`seconds` back from now in steps of `step` seconds, drawn again every `refresh` seconds."""

    key: str
    label: str
    seconds: int
    step: int
    refresh: int


RANGES = {
    item.key: item
    for item in (
        TimeRange("15m", "15 minutes", 900, 10, 5),
        TimeRange("1h", "1 hour", 3600, 20, 5),
        TimeRange("6h", "6 hours", 6 * 3600, 120, 30),
        TimeRange("24h", "24 hours", 86400, 600, 60),
        TimeRange("7d", "7 days", 7 * 86400, 3600, 60),
    )
}
DEFAULT = "15m"


def choose(key: str | None) -> TimeRange:
    """The range of that key; `BadInput` names the ones there are."""
    found = RANGES.get(key or DEFAULT)
    if found is None:
        raise BadInput(f"There is no time range '{key}'.", hint=f"Choose one of {', '.join(RANGES)}.", field="range")
    return found


def series_for(service: Service, chosen: TimeRange, now: datetime | None = None) -> Series:
    """The service's series over the range that ends now."""
    now = now or timezone.now()
    since = aligned(now - timedelta(seconds=chosen.seconds), chosen.step)
    return service_series(service, since, now, chosen.step)
