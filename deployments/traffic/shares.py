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
        if dict(service.traffic.values_list("revision__number", "percent")) == dict(shares):
            return True
        service.traffic.exclude(revision__number__in=shares).delete()
        for revision in service.revisions.filter(number__in=shares):
            percent = shares[revision.number]
            Traffic.objects.update_or_create(service=service, revision=revision, defaults={"percent": percent})
        record_event(REVISION_ACTIVATED, service, None, revision=max(shares, key=lambda number: shares[number]))
    return True
