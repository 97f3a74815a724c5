"""What came of requests, told later by who sent them: which of two revisions is better for users.

Users are those of a sticky service, since one user's requests are alike (deployments.rollouts.verdict). Fronts tell who
came to which revision; an outcome names its user by the sticky value, or by the id that the front gave the request.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from deployments.errors import BadOutcomes, NotSplit
from deployments.models import Outcome, Participant, Service
from deployments.models.experiment import USER
from deployments.rollouts import verdict
from deployments.rollouts.verdict import Asked, Experiment
from deployments.traffic.front_config import seed_of
from deployments.traffic.shares import shares_of
from scoring.front_contract import Arrivals, user_id, user_of_request

MOST_AT_ONCE = 1000
MOST_USERS = 200_000  # of a service that a verdict reads
KEPT = timedelta(days=100)
SETTLING = timedelta(seconds=5)  # after a change of shares, until every front splits by it
HEX = frozenset("0123456789abcdef")
AHEAD = timedelta(seconds=60)  # that a caller's clock may be

_name = re.compile(r"[A-Za-z0-9._-]{1,63}\Z")


@dataclass(frozen=True, kw_only=True)
class Told:
    """One outcome of the user with the sticky value `user`, or who sent the request `request_id`."""

    value: float
    name: str = "outcome"
    user: str = ""
    request_id: str = ""
    time: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class VerdictRequest:
    """Which outcome; the smallest difference that `matters`; how long to `wait` for an outcome after its user came;
    the `days` that it must have gone on, 7 where traffic has weeks; and the `revision` to compare with the default one,
    None for the one with the largest share."""

    name: str = "outcome"
    matters: float = 0.02
    wait: timedelta = timedelta(days=1)
    days: int = 1
    revision: int | None = None


@dataclass(frozen=True)
class _Split:
    """Two revisions of a service, their shares in per cent, and since when."""

    control: int
    candidate: int
    control_percent: float
    candidate_percent: float
    since: datetime


def record_arrivals(reported: Iterable[Arrivals]) -> None:
    """Keep who came to which revision; each counts once, at the first time since the shares last changed."""
    of_services: dict[int, list[Arrivals]] = {}
    for one in reported:
        of_services.setdefault(one.service, []).append(one)
    for service in Service.objects.filter(pk__in=of_services):
        for one in of_services[service.pk]:
            _record(service, one.revision, [user for user in one.users if _is_user(user)])


def _record(service: Service, revision: int, users: list[str]) -> None:
    now, since = timezone.now(), since_of(service)
    rows = Participant.objects.filter(service=service, revision=revision)
    with transaction.atomic():
        rows.filter(user__in=users, first_at__lt=since + SETTLING).update(first_at=now)
        made = [Participant(service=service, revision=revision, user=user, first_at=now) for user in set(users)]
        Participant.objects.bulk_create(made, ignore_conflicts=True, batch_size=500)


def since_of(service: Service) -> datetime:
    """When the shares of the service last changed."""
    found: datetime | None = service.traffic.aggregate(newest=Max("since"))["newest"]
    return found or service.created_at


def record_outcomes(service: Service, told: Sequence[Told]) -> dict[str, int]:
    """Keep outcomes; the same one told twice counts once. How many were `accepted`, and how many of them are of users
    that no front has seen (`unknown`). Raises `NotSplit` and `BadOutcomes`, with nothing kept."""
    _check_sticky(service)
    if not 1 <= len(told) <= MOST_AT_ONCE:
        raise BadOutcomes(f"Tell 1 to {MOST_AT_ONCE} outcomes at a time.", field="outcomes")
    now = timezone.now()
    rows = [_row(service, number, one, now) for number, one in enumerate(told)]
    Outcome.objects.bulk_create(rows, ignore_conflicts=True)
    users = {row.user for row in rows}
    known = set(service.participants.filter(user__in=users).values_list("user", flat=True))
    return {"accepted": len(rows), "unknown": sum(row.user not in known for row in rows)}


def _row(service: Service, number: int, told: Told, now: datetime) -> Outcome:
    place = f"Outcome {number + 1}"
    if bool(told.user) == bool(told.request_id):
        raise BadOutcomes(f"{place} must name its user, or the id of its request.", field="outcomes")
    user = user_id(seed_of(service), told.user.encode()) if told.user else user_of_request(told.request_id)
    if not user:
        raise BadOutcomes(
            f"{place}: '{told.request_id[:60]}' is no id that the front gave a request.",
            hint="Name the user instead, by the value that requests stick by. Only requests without an id get one.",
            field="outcomes",
        )
    at = told.time or now
    if not math.isfinite(told.value) or not now - KEPT < at < now + AHEAD or not _name.match(told.name):
        raise BadOutcomes(
            f"{place} has an impossible value, name or time.",
            hint="Values are finite, times lie in the last 100 days, names have letters, digits and . _ - alone.",
            field="outcomes",
        )
    return Outcome(service=service, name=told.name, user=user, value=told.value, at=at)


def describe_verdict(service: Service, asked: VerdictRequest) -> dict[str, Any]:
    """Which revision is better, as REST answers and pages show it. Raises `NotSplit`."""
    now, split = timezone.now(), _split_of(service, asked.revision)
    arms, moved, unknown = _arms(service, split, asked, now)
    control, candidate = (arms.get(number, verdict.Arm(())) for number in (split.control, split.candidate))
    share = split.candidate_percent / (split.candidate_percent + split.control_percent)
    days = (now - split.since) / timedelta(days=1)
    found = verdict.judge(control, candidate, Experiment(share, asked.matters, asked.days), days)
    return {
        "verdict": found.name,
        "name": asked.name,
        "difference": found.difference,
        "half_width": found.half_width,
        "matters": asked.matters,
        "users_needed": found.users_needed,
        "control": _describe(split.control, control),
        "candidate": _describe(split.candidate, candidate),
        "expected_share": share,
        "moved_users": moved,
        "unknown_outcomes": unknown,
        "since": split.since,
        "days": round(days, 3),
        "days_needed": asked.days,
    }


def names_of_outcomes(service: Service) -> list[str]:
    """Those that were told since the shares last changed."""
    rows = service.outcomes.filter(at__gte=since_of(service))
    return sorted(rows.values_list("name", flat=True).distinct()[:100])


def forget_old_outcomes() -> None:
    """Remove users and outcomes that are too old to count."""
    oldest = timezone.now() - KEPT
    Outcome.objects.filter(at__lt=oldest).delete()
    Participant.objects.filter(first_at__lt=oldest).delete()


def _describe(revision: int, arm: verdict.Arm) -> dict[str, Any]:
    return {"revision": revision, "users": arm.users, "events": arm.events, "mean": arm.mean if arm.users else None}


def _arms(
    service: Service, split: _Split, asked: VerdictRequest, now: datetime
) -> tuple[dict[int, verdict.Arm], int, int]:
    """By revision, of users who came to one of both alone; how many came to both, and outcomes of nobody."""
    both = (split.control, split.candidate)
    came = service.participants.filter(first_at__gte=split.since + SETTLING, revision__in=both).order_by("first_at")
    seen: dict[str, Asked] = {}
    moved: set[str] = set()
    for user, revision, at in came.values_list("user", "revision", "first_at")[: 2 * MOST_USERS].iterator():
        if user in seen:
            moved.add(user)
        seen[user] = Asked(user, user, revision, at)
    users = [one for user, one in seen.items() if user not in moved]
    rows = service.outcomes.filter(name=asked.name, at__gte=split.since).values_list("user", "value", "at")
    told = [verdict.Outcome(*row) for row in rows.iterator() if row[0] not in moved]
    found, unknown = verdict.arms(users, told, wait=asked.wait, now=now)
    return dict(found), len(moved), unknown


def _split_of(service: Service, candidate: int | None) -> _Split:
    """Raises `NotSplit`."""
    _check_sticky(service)
    control = service.default_revision
    percents = {number: share.percent for number, share in shares_of(service).items() if share.percent}
    others = sorted(percents.keys() - {control}, key=lambda number: (-percents[number], number))
    chosen = candidate or (others[0] if others else 0)
    if control not in percents or chosen not in others:
        which = f"revision {chosen}" if chosen else "a second revision"
        raise NotSplit(
            f"The default revision of '{service.name}' and {which} must both have a share of the requests.",
            hint=f"slipway service traffic {service.name} {control}=50 {chosen or 'NUMBER'}=50",
        )
    return _Split(control, chosen, percents[control], percents[chosen], since_of(service))


def _check_sticky(service: Service) -> None:
    if not service.sticky:
        raise NotSplit(
            f"Requests to '{service.name}' do not stick to a revision by user, so nobody can say which one a user had.",
            hint=f"slipway service traffic {service.name} --sticky header:x-user",
        )


def _is_user(text: str) -> bool:
    return len(text) == USER and not set(text) - HEX
