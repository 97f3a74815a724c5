"""Background work of the registry: what runs its jobs, and what the clock starts."""

from celery import shared_task

from registry.conversion import run_conversion
from registry.inspection import inspections
from registry.models import Conversion, Inspection, Scrub
from registry.store import scrub
from studio.core.job_catalogue import register_runner

register_runner(Inspection, inspections.inspect, on_give_up=inspections.reject_after_max_attempts)
register_runner(Conversion, run_conversion.run, on_give_up=run_conversion.note_given_up)
register_runner(Scrub, scrub.run)


@shared_task(name="registry.tasks.request_scrub", soft_time_limit=30, time_limit=60)
def request_scrub() -> None:
    scrub.request_scrub()
