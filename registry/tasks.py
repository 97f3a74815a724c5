"""Background work of the registry: each task takes ids and makes one call."""

from celery import shared_task

from registry import inspection, sweeping
from studio.core.doorbell import ring


@shared_task
def inspect_version(inspection_id: int) -> None:
    inspection.inspect(inspection_id)


@shared_task
def ring_due_inspections() -> None:
    for inspection_id in inspection.due():
        ring(inspect_version, inspection_id)


@shared_task
def sweep_uploads() -> None:
    sweeping.sweep()
