"""Monitoring's background work."""

from celery import shared_task

from monitoring.models import Profile
from monitoring.profiles import run_profile
from monitoring.telemetry import rollups, spooled
from studio.core.job_catalogue import register_runner

register_runner(Profile, run_profile.run, on_give_up=run_profile.fail_after_max_attempts)


@shared_task(soft_time_limit=50, time_limit=60)
def roll_up() -> None:
    rollups.roll_up()


@shared_task(soft_time_limit=50, time_limit=60)
def take_spooled() -> None:
    spooled.take_spooled()
