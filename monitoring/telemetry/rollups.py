"""Old windows take less room: merged to one a minute after an hour, to one for ten minutes after a day, then deleted.

Merging adds counts and histograms, so that totals and percentiles of a stretch stay what they were. Every batch is
one transaction that deletes what it merged: it happens whole or not at all, and twice is harmless.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from monitoring.models import FrontWindow, MetricWindow, Resolution, Window
from monitoring.telemetry.histograms import add
from scoring.contract import METRICS, Metric
from studio.core.states import StateChanged

log = logging.getLogger(__name__)

BATCH = 500
KINDS: tuple[type[Window], ...] = (MetricWindow, FrontWindow)
Key = tuple[int, int, str, int]  # service, revision, replica, number of the stretch since 1970


def roll_up(now: datetime | None = None) -> int:
    """Merge what has become old enough and delete what is too old; the number of rows merged away."""
    now = now or timezone.now()
    keep = settings.SLIPWAY
    day_old = _floor(now - timedelta(seconds=keep["METRICS_MINUTE_SECONDS"]), Resolution.TEN_MINUTES)
    hour_old = _floor(now - timedelta(seconds=keep["METRICS_RAW_SECONDS"]), Resolution.MINUTE)
    # Minutes first: raw rows that come a day late must find the ten minutes that may hold them already.
    stages = (
        (Resolution.MINUTE, Resolution.TEN_MINUTES, day_old),
        (Resolution.RAW, Resolution.TEN_MINUTES, day_old),
        (Resolution.RAW, Resolution.MINUTE, hour_old),
    )
    merged = 0
    try:
        for kind in KINDS:
            for source, target, before in stages:
                while count := _merge_batch(kind, source, target, before):
                    merged += count
    except (StateChanged, IntegrityError, OperationalError) as reason:
        log.info("another worker rolls up at the same time, left to it: %s", reason)
    delete_old(now - timedelta(seconds=keep["METRICS_KEEP_SECONDS"]))
    return merged


def delete_old(before: datetime) -> int:
    """Delete every window that began before."""
    of_any_kind = (kind._default_manager.filter(resolution__in=Resolution.values, start__lt=before) for kind in KINDS)
    return sum(rows.delete()[0] for rows in of_any_kind)


@transaction.atomic
def _merge_batch(kind: type[Window], source: int, target: int, before: datetime) -> int:
    rows = list(kind._default_manager.filter(resolution=source, start__lt=before).order_by("start", "pk")[:BATCH])
    if not rows:
        return 0
    # Deleting first locks the rows: of two workers with the same rows, one finds them gone and lets go.
    deleted, _ = kind._default_manager.filter(pk__in=[row.pk for row in rows]).delete()
    if deleted != len(rows):
        raise StateChanged("These windows were merged by somebody else in the meantime.")
    groups: dict[Key, list[Window]] = defaultdict(list)
    for row in rows:
        groups[_key(row, target)].append(row)
    totals = _totals(kind, groups, target)
    for key, group in groups.items():
        for row in group:
            absorb(totals[key], row)
    _save(kind, list(totals.values()))
    return len(rows)


def _totals(kind: type[Window], groups: dict[Key, list[Window]], target: int) -> dict[Key, Window]:
    """The rolled-up row of every group: the one that stands already, or a new one."""
    standing = kind._default_manager.filter(
        resolution=target,
        service__in={service for service, *_ in groups},
        sequence__in={number for *_, number in groups},
    )
    found = {_key(row, target): row for row in standing}
    return {key: found.get(key) or _blank(kind, key, target) for key in groups}


def _blank(kind: type[Window], key: Key, target: int) -> Window:
    service, revision, replica, number = key
    return kind(
        service_id=service,
        revision=revision,
        replica=replica,
        resolution=target,
        sequence=number,
        start=datetime.fromtimestamp(number * target, UTC),
        seconds=0,
    )


def absorb(total: Window, row: Window) -> bool:
    """Add `row` to `total`, in memory; False when `total` holds it already."""
    held, new = set(unpack(total.merged)), unpack(row.merged) or [row.sequence]
    if held.intersection(new):
        return False
    total.merged = pack(held.union(new))
    for metric in METRICS.values():
        _merge_metric(metric, total, row)
    total.seconds += row.seconds
    return True


def _merge_metric(metric: Metric, total: Window, row: Window) -> None:
    name = metric.name
    if metric.kind == "gauge":
        values = [window.gauges[name] for window in (total, row) if name in window.gauges]
        if values:
            total.gauges[name] = max(values) if metric.merge == "max" else _mean(name, total, row)
        return
    merged, more = ((window.counters if metric.kind == "counter" else window.histograms) for window in (total, row))
    if name in more:
        add(merged.setdefault(name, {}), more[name])


def _mean(name: str, *windows: Window) -> float:
    """A gauge over the time that was counted; before `total` has the seconds of `row`."""
    gauged = [window for window in windows if name in window.gauges]
    return sum(window.gauges[name] * window.seconds for window in gauged) / sum(window.seconds for window in gauged)


def pack(sequences: Iterable[int]) -> list[int]:
    """Numbers as the first and then the differences, which are small: [7, 9, 8] becomes [7, 1, 1]."""
    ordered = sorted(sequences)
    return ordered[:1] + [after - before for before, after in pairwise(ordered)]


def unpack(packed: list[int]) -> list[int]:
    """The numbers that `pack` was given, in order."""
    return list(accumulate(packed))


def _save(kind: type[Window], rows: list[Window]) -> None:
    kind._default_manager.bulk_create([row for row in rows if row.pk is None])
    changed = ["counters", "histograms", "gauges", "seconds", "merged"]
    kind._default_manager.bulk_update([row for row in rows if row.pk is not None], changed, batch_size=50)


def _key(row: Window, target: int) -> Key:
    return row.service_id, row.revision, row.replica, int(row.start.timestamp()) // target


def _floor(moment: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, UTC)
