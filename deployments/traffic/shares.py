"""Which share of a service's requests each revision gets. The only place that writes it."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from deployments.desired_state import record_event
from deployments.events import REVISION_ACTIVATED
from deployments.models import Desired, Service, Traffic


def set_traffic(service: Service, shares: Mapping[int, int]) -> bool:
    """Give the revisions of these numbers these percentages, and all others none.

    False when people have changed what they want of the service since it was read, or delete it. Twice is harmless, and
    of two at once the second finds done what it came for: updating the row keeps it waiting for the first.
    """
    with transaction.atomic():
        as_read = Service.objects.filter(pk=service.pk, generation=service.generation).exclude(desired=Desired.DELETED)
        if not as_read.update(updated_at=timezone.now()):
            return False
        before = dict(service.traffic.values_list("revision__number", "percent"))
        if before == dict(shares):
            return True
        service.traffic.exclude(revision__number__in=shares).delete()
        for revision in service.revisions.filter(number__in=shares):
            percent = shares[revision.number]
            Traffic.objects.update_or_create(service=service, revision=revision, defaults={"percent": percent})
        _remember(service, before, shares)
        record_event(REVISION_ACTIVATED, service, None, revision=_largest(shares))
    return True


def _remember(service: Service, before: Mapping[int, int], shares: Mapping[int, int]) -> None:
    """Keep which revision had most of the traffic until now: a rollback that names none goes back to it."""
    if before and _largest(before) != _largest(shares):
        Service.objects.filter(pk=service.pk).update(previous_revision=_largest(before))


def _largest(shares: Mapping[int, int]) -> int:
    return max(shares, key=lambda number: shares[number])
