"""How all services of a workspace did over the last hour, for the home page."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone

from deployments.models import Service
from monitoring.models import MetricWindow
from monitoring.telemetry.ranges import DEFAULT, RANGES
from monitoring.telemetry.series import Figures, figures_of
from studio.accounts.models import Workspace

HOUR = timedelta(hours=1)
CACHE_SECONDS = 10


@dataclass(frozen=True)
class Overview:
    """Figures of the whole workspace, and of every service that had requests, the busiest first; and, of those that had
    requests in the last minutes (monitoring.telemetry.recent), their figures since then, by name."""

    total: Figures
    services: list[tuple[str, Figures]]
    recent: dict[str, Figures]


def overview(workspace: Workspace) -> Overview:
    """The last hour; at most ten seconds old, since every open home page asks for it."""
    key = f"monitoring.telemetry.overview.{workspace.pk}"
    found: Overview | None = cache.get(key)
    if found is None:
        found = _read(workspace)
        cache.set(key, found, CACHE_SECONDS)
    return found


def _read(workspace: Workspace) -> Overview:
    names = dict(Service.objects.in_workspace(workspace).values_list("pk", "name"))
    rows = MetricWindow.objects.filter(service__in=names, start__gte=timezone.now() - HOUR).filter(
        counters__has_key="codes"
    )
    windows = list(rows.for_figures())
    groups: dict[str, list[MetricWindow]] = defaultdict(list)
    for window in windows:
        groups[names[window.service_id]].append(window)
    seconds = HOUR.total_seconds()
    rows = [(name, figures_of(group, seconds)) for name, group in groups.items()]
    rows.sort(key=lambda row: (-row[1].requests, row[0]))
    return Overview(total=figures_of(windows, seconds), services=rows, recent=_recent(groups))


def _recent(groups: dict[str, list[MetricWindow]]) -> dict[str, Figures]:
    since = timezone.now() - timedelta(seconds=RANGES[DEFAULT].seconds)
    late = {name: [window for window in windows if window.start >= since] for name, windows in groups.items()}
    return {name: figures_of(windows) for name, windows in late.items() if windows}
