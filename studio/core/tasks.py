"""The tasks of all jobs, and background work that belongs to no app."""

from celery import shared_task

from studio.core import job_runner, statistics
from studio.core.enqueue import RUN_JOB, enqueue_due
from studio.core.queues import QUEUES


@shared_task(name=RUN_JOB)
def run_job(kind: str, pk: int) -> None:
    job_runner.run_job(kind, pk)


@shared_task(soft_time_limit=30, time_limit=60)
def enqueue_due_jobs() -> None:
    for queue in QUEUES:
        enqueue_due(queue)


@shared_task(soft_time_limit=50, time_limit=60)
def keep_statistics() -> None:
    statistics.keep_statistics()
