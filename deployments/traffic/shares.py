"""Which share of a service's requests each revision gets. The only place that writes it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from deployments.desired_state import record_event
from deployments.errors import ChangedMeanwhile
from deployments.events import REVISION_ACTIVATED, TRAFFIC_CHANGED
from deployments.models import Desired, Service
from deployments.traffic import split
from studio.accounts.models import User
from studio.core.enqueue import enqueue_task_on_commit


@dataclass(frozen=True)
class Share:
    """Of one revision, in per cent: of the requests, and of the others' requests that it gets copies of."""

    percent: float = 0.0
    mirror_percent: float = 0.0


ALL = Share(100.0)


def set_traffic(
    service: Service,
    shares: Mapping[int, Share],
    default: int,
    *,
    actor: User | None = None,
    reason: str = "",
    **columns: Any,
) -> bool:
    """Give the revisions of these numbers these shares, which sum to 100 %, and all others none. `default` is one of
    them. `columns` of the service are written with it.

    False when people have changed what they want of the service since it was read, or delete it. Twice is harmless, and
    of two at once the second finds done what it came for: updating the row keeps it waiting for the first.
    """
    with transaction.atomic():
        as_read = Service.objects.filter(pk=service.pk, generation=service.generation).exclude(desired=Desired.DELETED)
        if not as_read.update(**columns, updated_at=timezone.now()):
            return False
        before, before_default = shares_of(service), _default_of(service)
        if before == dict(shares) and before_default == default:
            return True
        _write(service, shares)
        if before_default != default:
            previous = {"previous_revision": before_default} if before_default else {}
            Service.objects.filter(pk=service.pk).update(default_revision=default, **previous)
        if actor is None and before_default != default:
            record_event(REVISION_ACTIVATED, service, None, reason=reason, revision=default)
        else:
            _record(service, before, shares, actor, reason)
        enqueue_task_on_commit("deployments.tasks.write_routing")
    return True


def give_shares(service: Service, shares: Mapping[int, Share], default: int, **more: Any) -> None:
    """The same for who must not go on otherwise. Raises `ChangedMeanwhile`."""
    if not set_traffic(service, shares, default, **more):
        raise ChangedMeanwhile(service.name)


def shares_of(service: Service) -> dict[int, Share]:
    """By number of revision."""
    rows = service.traffic.values_list("revision__number", "percent", "mirror_percent")
    return {number: Share(percent, mirror) for number, percent, mirror in rows}


def _default_of(service: Service) -> int:
    return Service.objects.values_list("default_revision", flat=True).get(pk=service.pk)


def _write(service: Service, shares: Mapping[int, Share]) -> None:
    owned = {
        number: [(first, last) for first, last in slots]
        for number, slots in service.traffic.values_list("revision__number", "slots")
    }
    slots = split.reassign(owned, {number: share.percent for number, share in shares.items()})
    percents = dict(service.traffic.values_list("revision__number", "percent"))
    service.traffic.exclude(revision__number__in=shares).delete()
    for revision in service.revisions.filter(number__in=shares):
        facts = asdict(shares[revision.number]) | {"slots": slots.get(revision.number, [])}
        if percents.get(revision.number) != facts["percent"]:
            facts["since"] = timezone.now()
        service.traffic.update_or_create(revision=revision, defaults=facts)


def _record(
    service: Service,
    before: Mapping[int, Share],
    after: Mapping[int, Share],
    actor: User | None,
    reason: str,
) -> None:
    shown = {"before": in_words(before), "after": in_words(after)}
    record_event(TRAFFIC_CHANGED, service, actor, reason=reason, **shown)


def in_words(shares: Mapping[int, Share]) -> str:
    """'1 = 90 %, 2 = 10 %, 3 = 0 % and copies of 5 %'."""
    words = [
        f"{number} = {share.percent:g} %"
        + (f" and copies of {share.mirror_percent:g} %" if share.mirror_percent else "")
        for number, share in sorted(shares.items())
    ]
    return ", ".join(words) or "none"
