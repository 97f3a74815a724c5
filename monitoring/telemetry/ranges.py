"""The time that people look at: up to now, or between two moments; with a step that makes about 200 points or fewer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from deployments.models import Service
from monitoring.models import MetricWindow
from monitoring.telemetry.series import Series, aligned, service_series
from studio.core.errors import BadInput

STEPS = (5, 10, 20, 60, 120, 300, 600, 1800, 3600, 6 * 3600, 86400)  # seconds
MOST_POINTS = 200
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=100)


@dataclass(frozen=True)
class TimeRange:
    """`seconds` back from now in steps of `step` seconds, drawn again every `refresh` seconds; or, without a key, from
    `since` on, which is not drawn again."""

    key: str
    label: str
    seconds: int
    step: int
    refresh: int = 0
    since: datetime | None = None

    @property
    def until(self) -> datetime | None:
        """None for now."""
        return self.since and self.since + timedelta(seconds=self.seconds)

    @property
    def query(self) -> str:
        """The part of an address that chooses it."""
        if self.since and self.until:
            return urlencode({"since": _text(self.since), "until": _text(self.until)})
        return urlencode({"range": self.key})


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


def choose_from(given: Mapping[str, str]) -> TimeRange:
    """The range of the query's `since` and `until` (ISO 8601; UTC where no zone is named), or of its `range`."""
    if not given.get("since") and not given.get("until"):
        return choose(given.get("range"))
    since, until = _moment(given.get("since", ""), "since"), _moment(given.get("until", ""), "until")
    if not SHORTEST <= until - since <= LONGEST:
        raise BadInput(
            "The time must begin before it ends, and last from a minute to 100 days.",
            hint="Times are UTC.",
            field="since",
        )
    seconds = int((until - since).total_seconds())
    return TimeRange("", "", seconds, step_for(seconds), since=since)


def step_for(seconds: float) -> int:
    """The smallest step that makes no more than `MOST_POINTS`."""
    return next((step for step in STEPS if seconds / step <= MOST_POINTS), STEPS[-1])


def series_for(service: Service, chosen: TimeRange, now: datetime | None = None, *, whole: bool = True) -> Series:
    """The service's series over the range. Without `whole` one that ends now begins at the service's first report."""
    until = chosen.until or now or timezone.now()
    since, step = until - timedelta(seconds=chosen.seconds), chosen.step
    first = None if whole or chosen.since else _first_report(service)
    if first and first > since:
        since = min(first, until - SHORTEST)
        step = min(step, step_for((until - since).total_seconds()))
    return service_series(service, aligned(since, step), until, step)


def _first_report(service: Service) -> datetime | None:
    return MetricWindow.objects.filter(service=service).order_by("start").values_list("start", flat=True).first()


def _moment(text: str, field: str) -> datetime:
    """Raises `BadInput`."""
    try:
        found = parse_datetime(text.strip())
        moment = None if found is None else (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise BadInput(
            f"'{text[:40]}' is no time." if text else "A time of one's own needs a beginning and an end.",
            hint="Write it as 2026-11-29T14:30.",
            field=field,
        )
    return moment.replace(microsecond=0)


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
