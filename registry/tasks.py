"""Background work of the registry: each task takes ids and makes one call."""

from celery import shared_task

from registry.inspection import inspections
from registry.store import sweeping
from studio.core.enqueue import ring_due
from studio.core.queues import HEAVY


@shared_task
def inspect_version(inspection_id: int) -> None:
    inspections.inspect(inspection_id)
    ring_due_inspections()


@shared_task
def ring_due_inspections() -> None:
    ring_due(inspections.due(), inspect_version, HEAVY)


@shared_task
def sweep_uploads() -> None:
    sweeping.sweep()
