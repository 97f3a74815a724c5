"""Background work that belongs to no app."""

from celery import shared_task

from studio.core import statistics


@shared_task(soft_time_limit=50, time_limit=60)
def keep_statistics() -> None:
    statistics.keep_statistics()
