"""What is to end leaves the front first: it ends when no front sends it anything any more."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from deployments.models import FrontStatus, RoutingFile
from deployments.traffic.front_reports import SILENT_SECONDS
from deployments.traffic.routing_file import write_routing

log = logging.getLogger(__name__)

UNREPORTED_SECONDS = 2.0  # a front that does not report looks at its routing file several times a second all the same
LONGEST_SECONDS = 30.0  # for one that reports and goes on with an earlier file


@dataclass(frozen=True)
class Withdrawal:
    """Routing file `number`, of `at` (epoch seconds), is the first one without what the instance is to end under its
    `generation`."""

    generation: int
    number: int
    at: float


def withdraw(generation: int, before: Withdrawal | None = None) -> Withdrawal | None:
    """To be called when the rows say that something is to end. `before`: what was returned the last time. None where
    the file cannot be written now."""
    if before is not None and before.generation == generation:
        return before
    try:
        write_routing()
    except OSError:
        log.exception("the routing file cannot be written")
        return None
    number = RoutingFile.objects.values_list("number", flat=True).first() or 0
    return Withdrawal(generation, number, timezone.now().timestamp())


def is_withdrawn(withdrawal: Withdrawal, now: datetime) -> bool:
    """Whether all fronts use a file without it."""
    if not settings.FRONT["enabled"]:
        return True
    since = now - datetime.fromtimestamp(withdrawal.at, UTC)
    if since > timedelta(seconds=LONGEST_SECONDS):
        return True
    talking = FrontStatus.objects.filter(seen_at__gt=now - timedelta(seconds=SILENT_SECONDS))
    applied = list(talking.values_list("applied", flat=True))
    if not applied:
        return since > timedelta(seconds=UNREPORTED_SECONDS)
    return min(applied) >= withdrawal.number
