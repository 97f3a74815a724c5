"""What came with each key of a service, as the front reports it and pages show it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Sum
from django.db.models.functions import Greatest

from deployments.models import ClientKey, KeyUse, Service
from deployments.services.keys import SLOTS
from scoring import front_contract

MOST_DAYS = 400  # kept
NAME = 63  # characters of a key's name


@dataclass(frozen=True)
class Use:
    """Requests and rows of a key: today (UTC) and in the days shown."""

    requests_today: int = 0
    requests: int = 0
    rows_today: int = 0
    rows: int = 0


@dataclass(frozen=True)
class DailyUse:
    """Requests and rows by name of key, the busiest first, on each of the `days` (UTC), the oldest first."""

    days: list[date]
    requests: dict[str, list[int]]
    rows: dict[str, list[int]]


def record_key_use(reported: Iterable[front_contract.KeyUse]) -> None:
    """Keep the totals of a day. They only rise, so that a report that comes late or twice changes nothing; what is of
    keys that are gone, or of days long past, is passed over."""
    uses = {(use.service, use.key, day): use for use in reported if (day := _day(use.day)) and len(use.key) <= NAME}
    services, days = {service for service, _, _ in uses}, {day for _, _, day in uses}
    kept = {
        (row.service_id, row.key, row.day): (row.requests, row.rows)
        for row in KeyUse.objects.filter(service__in=services, day__in=days)
    }
    changed = {place: use for place, use in uses.items() if _rises(use, *kept.get(place, (0, 0)))}
    asked = {service for service, _, _ in changed}
    known = {
        *(
            (service, slot)
            for service in Service.objects.filter(pk__in=asked).values_list("pk", flat=True)
            for slot in SLOTS
        ),
        *ClientKey.objects.filter(service__in=asked).values_list("service", "name"),
    }
    for (service, key, day), use in changed.items():
        if (service, key) in known:
            KeyUse.objects.get_or_create(service_id=service, key=key, day=day)
            rows = KeyUse.objects.filter(service_id=service, key=key, day=day)
            rows.update(requests=Greatest("requests", use.requests), rows=Greatest("rows", use.rows))


def forget_old_use() -> None:
    """Remove what is older than `MOST_DAYS`."""
    KeyUse.objects.filter(day__lt=datetime.now(UTC).date() - timedelta(days=MOST_DAYS)).delete()


def use_by_key(service: Service, days: int = 30) -> dict[str, Use]:
    """By name of key, in the last `days` UTC days, today among them."""
    today = datetime.now(UTC).date()
    rows = KeyUse.objects.filter(service=service, day__gt=today - timedelta(days=days))
    totals = rows.values_list("key").annotate(Sum("requests"), Sum("rows"))
    of_today = {key: (requests, count) for key, requests, count in
                rows.filter(day=today).values_list("key", "requests", "rows")}  # fmt: skip
    found = {}
    for key, requests, count in totals:
        requests_today, rows_today = of_today.get(key, (0, 0))
        found[key] = Use(requests_today, requests, rows_today, count)
    return found


def _rises(use: front_contract.KeyUse, requests: int, rows: int) -> bool:
    return use.requests > requests or use.rows > rows


def use_by_day(service: Service, days: int = 30) -> DailyUse:
    """Of the keys that were used in the last `days` UTC days, today among them."""
    today = datetime.now(UTC).date()
    shown = [today - timedelta(days=ago) for ago in reversed(range(days))]
    found: dict[str, dict[date, tuple[int, int]]] = defaultdict(dict)
    uses = KeyUse.objects.filter(service=service, day__range=(shown[0], today), requests__gt=0)
    for key, day, requests, rows in uses.values_list("key", "day", "requests", "rows"):
        found[key][day] = requests, rows
    busiest = sorted(found, key=lambda key: (-sum(requests for requests, _ in found[key].values()), key))
    by_day = {key: [found[key].get(day, (0, 0)) for day in shown] for key in busiest}
    return DailyUse(
        days=shown,
        requests={key: [requests for requests, _ in days] for key, days in by_day.items()},
        rows={key: [rows for _, rows in days] for key, days in by_day.items()},
    )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    today = datetime.now(UTC).date()
    return day if today - timedelta(days=MOST_DAYS) < day <= today + timedelta(days=1) else None
