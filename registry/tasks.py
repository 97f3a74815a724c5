"""Background work of the registry: what runs its jobs, and what is done periodically."""

from celery import shared_task

from registry.inspection import inspections
from registry.models import Inspection
from registry.store import sweeping
from studio.core.job_catalogue import register_runner

register_runner(Inspection, inspections.inspect, on_give_up=inspections.reject_after_max_attempts)


@shared_task
def sweep_uploads() -> None:
    sweeping.sweep()
