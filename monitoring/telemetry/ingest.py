"""Telemetry in: check the service's token and the windows, keep every window once."""

import hashlib
import hmac
import math
import re
from datetime import UTC, datetime, timedelta

import msgspec
from django.conf import settings
from django.utils import timezone

from deployments.models import Service
from monitoring.errors import UnknownToken
from monitoring.models import COUNTED, MetricWindow
from scoring.contract import BUCKETS, KEYS, PARTS, Push, Window
from studio.core.errors import BadInput, Forbidden, TooLarge

MAX_BYTES = 4 * 1024 * 1024
MAX_WINDOWS = 2000
MAX_COUNT = 2**53  # larger whole numbers do not survive JSON
FUTURE_SECONDS = 10  # a clock may be this much ahead before its windows are moved back to now

_replica = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")
_code = re.compile(r"[1-5][0-9][0-9]\Z")
_rows = re.compile(r"(0|[1-9][0-9]{0,3})\Z")
_decoder = msgspec.json.Decoder(Push)


def decode(body: bytes) -> Push:
    """The push in a request's body. Raises `TooLarge` and `BadInput`."""
    if len(body) > MAX_BYTES:
        raise TooLarge(f"A telemetry push has at most {MAX_BYTES} bytes.", hint="Send fewer windows at a time.")
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as reason:
        raise BadInput(f"This is not a telemetry push: {reason}", code="telemetry_malformed") from reason


def accept(token: str, push: Push) -> int:
    """Keep the windows of `push`; the number of those young enough to be kept.

    A window that was kept before is counted again here but not in the database. One that began in the future is
    moved back to now, one older than the retention is left out: refusing it would make the replica send it again.
    Raises `UnknownToken`, `Forbidden` when the token is another service's, and `BadInput`.
    """
    _check_token(token, push.service)
    if len(push.windows) > MAX_WINDOWS:
        raise BadInput(f"A push has at most {MAX_WINDOWS} windows, this one has {len(push.windows)}.", field="windows")
    for window in push.windows:
        _check(window)
    now = timezone.now()
    rows = [_row(push.service, window, now) for window in push.windows]
    oldest = now - timedelta(seconds=settings.SLIPWAY["METRICS_KEEP_SECONDS"])
    young = [row for row in rows if row.start >= oldest]
    MetricWindow.objects.bulk_create(young, ignore_conflicts=True)
    return len(young)


def _check_token(token: str, service: int) -> None:
    digest = hashlib.sha256(token.encode()).hexdigest()
    expected = Service.objects.filter(pk=service).values_list("telemetry_digest", flat=True).first()
    if expected and hmac.compare_digest(expected, digest):
        return
    if token and Service.objects.filter(telemetry_digest=digest).exists():
        raise Forbidden(f"This token belongs to another service than {service}.", code="token_of_another_service")
    raise UnknownToken("No service has this telemetry token.", hint="Deploy the service again to give it a new token.")


def _check(window: Window) -> None:
    """Raise `BadInput` for values that would spoil a chart or the database."""
    checks = {
        "replica": bool(_replica.match(window.replica)),
        "sequence": 0 <= window.sequence < MAX_COUNT,
        "revision": 0 <= window.revision < 2**31,
        "start": 0 <= window.start < 2**33,
        "seconds": 0 < window.seconds <= 3600,
        "codes": all(map(_code.match, window.codes)) and _are_counts(window.codes),
        "latency": _is_histogram(window.latency),
        "queue": _is_histogram(window.queue),
        "infer": _is_histogram(window.infer),
        "spent": window.spent.keys() <= set(PARTS) and _are_counts(window.spent),
        "rows": all(map(_rows.match, window.rows)) and _are_counts(window.rows),
        "keys": window.keys.keys() <= set(KEYS) and _are_counts(window.keys),
        "cpu": 0 <= window.cpu < 1e6 and math.isfinite(window.cpu),
        "memory": 0 <= window.memory < MAX_COUNT,
    }
    wrong = [name for name, fits in checks.items() if not fits]
    if wrong:
        raise BadInput(
            f"Window {window.sequence} has an impossible value for {', '.join(wrong)}.", code="telemetry_malformed"
        )


def _is_histogram(counts: dict[str, int]) -> bool:
    return all(key.isascii() and key.isdigit() and int(key) < BUCKETS for key in counts) and _are_counts(counts)


def _are_counts(counts: dict[str, int]) -> bool:
    return all(0 <= count < MAX_COUNT for count in counts.values())


def _row(service: int, window: Window, now: datetime) -> MetricWindow:
    start = datetime.fromtimestamp(window.start, UTC)
    if start > now + timedelta(seconds=FUTURE_SECONDS):
        start = now - timedelta(seconds=window.seconds)
    return MetricWindow(
        service_id=service,
        revision=window.revision,
        replica=window.replica,
        sequence=window.sequence,
        start=start,
        seconds=window.seconds,
        **{name: getattr(window, name) for name in COUNTED},
        cpu=window.cpu,
        memory=window.memory,
    )
