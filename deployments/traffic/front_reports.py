"""What fronts report of themselves: kept, and told on pages."""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.utils import timezone

from deployments.models import FrontStatus, RoutingFile
from scoring.front_contract import FrontReport
from studio.core.enqueue import enqueue_task_on_commit

SILENT_SECONDS = 20.0  # a front reports every five at the latest


def is_token(given: str) -> bool:
    """Whether it is what this installation's front shows. Without a front nothing is."""
    try:
        known = (settings.FRONT_FOLDER / "report.key").read_text().strip()
    except OSError:
        return False
    return bool(known) and hmac.compare_digest(given.encode(), known.encode())


def keep_report(report: FrontReport) -> None:
    """Keep what the front says of itself, and have what its figures mean for the number of replicas decided."""
    facts: dict[str, Any] = {
        "started_at": datetime.fromtimestamp(report.started_at, UTC),
        "applied": report.applied,
        "refused": report.refused[:1000],
        "ejected": report.ejected[:1000],
        "seen_at": timezone.now(),
    }
    if report.loads:  # a front that is ending tells none: its successor does
        facts |= {
            "loads": [msgspec.to_builtins(load) for load in report.loads if load.busy or load.arrivals or load.waiting],
            "loads_at": facts["seen_at"],
            "loads_seconds": max(load.seconds for load in report.loads),
        }
    FrontStatus.objects.update_or_create(name=report.front[:100], defaults=facts)
    if report.loads:
        enqueue_task_on_commit("deployments.tasks.scale")


def ejected_replicas() -> list[str]:
    """Ids of replicas that a front sends nothing at the moment, as far as fronts report."""
    fresh = FrontStatus.objects.filter(seen_at__gt=timezone.now() - timedelta(seconds=SILENT_SECONDS))
    return sorted({replica for ejected in fresh.values_list("ejected", flat=True) for replica in ejected})


def front_problem() -> str:
    """What is wrong with the front in a sentence; empty where nothing is, or there is to be none."""
    if not settings.FRONT["enabled"]:
        return ""
    newest = FrontStatus.objects.order_by("-seen_at").first()
    if newest is None or timezone.now() - newest.seen_at > timedelta(seconds=SILENT_SECONDS):
        when = f"last seen {newest.seen_at:%Y-%m-%d %H:%M:%S} UTC" if newest else "it has never been seen"
        return f"The front does not report: {when}. See what it prints in the window of make run."
    if newest.refused:
        return f"The front goes on with an earlier routing file, {newest.applied}: {newest.refused}"
    written = RoutingFile.objects.values_list("number", "changed_at").first()
    if written and written[0] > newest.applied and timezone.now() - written[1] > timedelta(seconds=SILENT_SECONDS):
        return (
            f"The front still uses routing file {newest.applied}; {written[0]} was written {written[1]:%H:%M:%S} UTC."
        )
    return ""
