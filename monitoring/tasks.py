"""Monitoring's background work."""

from celery import shared_task

from monitoring.telemetry import rollups, spooled


@shared_task(soft_time_limit=50, time_limit=60)
def roll_up() -> None:
    rollups.roll_up()


@shared_task(soft_time_limit=50, time_limit=60)
def take_spooled() -> None:
    spooled.take_spooled()
