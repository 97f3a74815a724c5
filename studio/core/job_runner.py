"""What a worker does with the message that names a job."""

import logging

from django.db import transaction

from studio.core.enqueue import enqueue_due
from studio.core.job_catalogue import Runner, kind_of, runner_of
from studio.core.job_heartbeat import Heartbeat, LeaseLost
from studio.core.jobs import Job

log = logging.getLogger(__name__)


def run_job(name: str, pk: int) -> None:
    """Run one job, unless another worker has it or it has ended; then enqueue what waits in the same queue."""
    kind, runner = kind_of(name), runner_of(name)
    job = kind.rows().filter(pk=pk).first()
    if job is None:  # deleted meanwhile
        return
    if job.claim():
        _run(job, runner)
    else:
        _give_up(job, runner)
    enqueue_due(kind.queue)


def _run(job: Job, runner: Runner) -> None:
    try:
        with Heartbeat(job) as heartbeat:
            runner.run(job, heartbeat)
    except LeaseLost:
        log.info("%s was cancelled, or another worker has taken it over", job)


def _give_up(job: Job, runner: Runner) -> None:
    with transaction.atomic():
        if job.give_up():
            runner.on_give_up(job)
