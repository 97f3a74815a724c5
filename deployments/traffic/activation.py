"""A revision that is built becomes the one that answers."""

from django.db import transaction

from deployments.desired_state import record_event, transition_columns
from deployments.events import REVISION_ACTIVATED
from deployments.models import Desired, Revision, Service, Traffic
from studio.core.enqueue import enqueue_task_on_commit


def activate(revision: Revision) -> bool:
    """Point all traffic at a built revision; False when a newer one or a deletion has overtaken it.

    Called by the build when it ends, and by the loop when that call was lost: twice is harmless.
    """
    service = revision.service
    with transaction.atomic():
        # Two at once come one after the other, and the second sees what the first did; SQLite has one writer anyway.
        Service.objects.select_for_update().filter(pk=service.pk).first()
        if service.traffic.filter(revision=revision, percent=100).exists():
            return True
        newest = Service.objects.filter(pk=service.pk, last_revision=revision.number).exclude(desired=Desired.DELETED)
        if not newest.update(**transition_columns()):
            return False
        service.traffic.all().delete()
        Traffic.objects.create(service=service, revision=revision, percent=100)
        record_event(REVISION_ACTIVATED, service, None, revision=revision.number)
        enqueue_task_on_commit("deployments.tasks.reconcile", service.pk)
    return True
