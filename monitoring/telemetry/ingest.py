"""Telemetry in: check the service's token and the windows, keep every window once."""

import hmac
import logging
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.utils import timezone

from deployments.models import Service
from monitoring.errors import UnknownToken
from monitoring.models import FrontWindow, MetricWindow
from monitoring.telemetry import push_format
from scoring.contract import BUCKETS, METRICS, Metric, Push, Window
from studio.core.errors import BadInput, TooLarge
from studio.core.secrets import digest_of

log = logging.getLogger(__name__)

MAX_BYTES = 4 * 1024 * 1024
MAX_WINDOWS = 2000
MAX_COUNT = 2**53  # larger whole numbers do not survive JSON
FUTURE_SECONDS = 10  # a clock may be this much ahead before its windows are moved back to now

_replica = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")


def decode(body: bytes) -> Push:
    """The push in a request's body. Raises `TooLarge` and `BadInput`."""
    if len(body) > MAX_BYTES:
        raise TooLarge(f"A telemetry push has at most {MAX_BYTES} bytes.", hint="Send fewer windows at a time.")
    try:
        return push_format.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as reason:
        raise BadInput(f"This is not a telemetry push: {reason}", code="telemetry_malformed") from reason


def accept(token: str, push: Push) -> int:
    """Keep the windows of `push`; the number of those young enough to be kept.

    A window that was kept before is counted again here but not in the database. One that began in the future is
    moved back to now, one older than the retention is left out: refusing it would make the replica send it again.
    Raises `UnknownToken` and `BadInput`.
    """
    _check_token(token, push.service)
    if len(push.windows) > MAX_WINDOWS:
        raise BadInput(f"A push has at most {MAX_WINDOWS} windows, this one has {len(push.windows)}.", field="windows")
    for window in push.windows:
        check(window)
    return keep(push.service, push.windows)


def keep(service: int, windows: Iterable[Window]) -> int:
    """Keep windows that are checked; the number of those young enough."""
    young = [MetricWindow(**facts) for facts in _young({service: windows})]
    MetricWindow.objects.bulk_create(young, ignore_conflicts=True)
    return len(young)


def keep_front_windows(windows: Mapping[int, list[Window]]) -> None:
    """Keep what a front counted, by service; each window once, however often it is reported.

    What cannot be is left out, with a line in the log, and so are services that are gone: refusing the report would
    make the front send it again, and lose what is right in it.
    """
    good = {service: [window for window in of_one if _is_good(window)] for service, of_one in windows.items()}
    known = set(Service.objects.filter(pk__in=good).values_list("pk", flat=True))
    young = _young({service: of_one for service, of_one in good.items() if service in known})
    FrontWindow.objects.bulk_create([FrontWindow(**facts) for facts in young], ignore_conflicts=True)


def _is_good(window: Window) -> bool:
    try:
        check(window)
    except BadInput as reason:
        log.warning("a window of front %.64s is left out: %s", window.replica, reason)
        return False
    return True


def _young(windows: Mapping[int, Iterable[Window]]) -> list[dict[str, Any]]:
    """The columns of those that are not older than the retention."""
    now = timezone.now()
    rows = [_columns(service, window, now) for service, of_one in windows.items() for window in of_one]
    oldest = now - timedelta(seconds=settings.SLIPWAY["METRICS_KEEP_SECONDS"])
    return [row for row in rows if row["start"] >= oldest]


def _check_token(token: str, service: int) -> None:
    expected = Service.objects.filter(pk=service).values_list("telemetry_digest", flat=True).first()
    if expected and hmac.compare_digest(expected, digest_of(token)):
        return
    # The same answer for another service's token and for none: nobody learns that a token is good.
    raise UnknownToken(
        f"This is not the telemetry token of service {service}.",
        hint="Deploy the service again to give it a new token.",
    )


def check(window: Window) -> None:
    """Raise `BadInput` for values that would spoil a chart or the database."""
    checks = {
        "replica": bool(_replica.match(window.replica)),
        "sequence": 0 <= window.sequence < MAX_COUNT,
        "revision": 0 <= window.revision < 2**31,
        "start": 0 <= window.start < 2**33,
        "seconds": 0 < window.seconds <= 3600,
    }
    wrong = [name for name, fits in checks.items() if not fits]
    wrong += [metric.name for metric in METRICS.values() if not _fits(metric, window)]
    if wrong:
        raise BadInput(
            f"Window {window.sequence} has an impossible value for {', '.join(wrong)}.", code="telemetry_malformed"
        )


def _fits(metric: Metric, window: Window) -> bool:
    if metric.kind == "gauge":
        value = window.gauges.get(metric.name, 0)
        return 0 <= value < MAX_COUNT and math.isfinite(value)
    if metric.kind == "histogram":
        buckets = window.histograms.get(metric.name, {})
        return all(map(_is_bucket, buckets)) and _are_counts(buckets)
    counts = window.counters.get(metric.name, {})
    known = counts.keys() <= set(metric.labels)
    if metric.pattern:
        known = all(re.fullmatch(metric.pattern, label) for label in counts)
    return known and _are_counts(counts)


def _is_bucket(key: str) -> bool:
    return key.isascii() and key.isdigit() and int(key) < BUCKETS


def _are_counts(counts: dict[str, int]) -> bool:
    return all(0 <= count < MAX_COUNT for count in counts.values())


def _columns(service: int, window: Window, now: datetime) -> dict[str, Any]:
    start = datetime.fromtimestamp(window.start, UTC)
    if start > now + timedelta(seconds=FUTURE_SECONDS):
        start = now - timedelta(seconds=window.seconds)
    return dict(
        service_id=service,
        revision=window.revision,
        replica=window.replica,
        sequence=window.sequence,
        start=start,
        seconds=window.seconds,
        counters=_known(window.counters, "counter"),
        histograms=_known(window.histograms, "histogram"),
        gauges=_known(window.gauges, "gauge"),
    )


def _known(figures: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What the table has of them; a newer scoring server may count more."""
    names = [name for name, metric in METRICS.items() if metric.kind == kind and name in figures]
    return {name: figures[name] for name in names if figures[name] != {}}
