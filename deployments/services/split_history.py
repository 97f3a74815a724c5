"""How a service's traffic was split over time, as the audit trail tells it."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from deployments.events import REVISION_ACTIVATED, TRAFFIC_CHANGED
from deployments.models import Service
from deployments.rollouts.forecast import words as in_words
from studio.activity.models import Event

SHOWN = 10
SHARE = re.compile(r"(\d+) = ([0-9.e-]+) %")  # as deployments.traffic.shares.in_words writes them


@dataclass(frozen=True)
class Split:
    """One that held `since` then, for so long, in words: per cent by number of revision."""

    since: datetime
    lasted: str
    is_present: bool
    who: str
    why: str
    words: str
    percents: dict[int, float]


def splits_of(service: Service, limit: int = SHOWN) -> list[Split]:
    """The newest first."""
    kinds = [TRAFFIC_CHANGED.name, REVISION_ACTIVATED.name]
    events = Event.objects.filter(subject_type="service", subject_id=str(service.pk), action__in=kinds)
    found: list[Split] = []
    until = timezone.now()
    for event in events.order_by("-id")[:limit]:
        words = event.details.get("after") or f"{event.details.get('revision')} = 100 %"
        percents = {int(number): float(percent) for number, percent in SHARE.findall(words)}
        lasted = in_words((until - event.at).total_seconds())
        found.append(Split(event.at, lasted, not found, event.actor_name, event.reason, words, percents))
        until = event.at
    return found
