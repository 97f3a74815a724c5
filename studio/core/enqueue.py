"""Wake a worker once the transaction has committed. Work is named, so its code is imported by workers only.

Losing a message is harmless: the row stands in the database and the tick finds it. So an unavailable broker
costs a delay, never a failed request.
"""

import logging
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from studio.core.broker import messages_waiting
from studio.core.job_catalogue import kind_of, kinds
from studio.core.jobs import Job
from studio.core.queues import processes

log = logging.getLogger(__name__)

RUN_JOB = "studio.core.tasks.run_job"
RESEND_SECONDS = 60  # the age at which a message is dropped unread, and its row is enqueued again
RESEND_SECONDS_IF_EMPTY = 5  # the same, when the queue holds no message: whoever has not been taken by then was lost
MESSAGES_PER_PROCESS = 2  # more than that keep no worker busier

Row = TypeVar("Row", bound=Job)


def create_job(model: type[Row], **facts: Any) -> Row:
    """A new row of `model`, enqueued when the surrounding transaction commits."""
    job = model(enqueued_at=timezone.now(), **facts)
    job.save(force_insert=True)
    enqueue_on_commit(job.kind, job.pk)
    return job


def enqueue_on_commit(kind: str, pk: int) -> None:
    """Have a worker run the job when the surrounding transaction commits (at once outside of one)."""
    transaction.on_commit(partial(_send, RUN_JOB, (kind, pk), kind_of(kind).queue))


def enqueue_task_on_commit(task: str, *args: Any) -> None:
    """Send `task(*args)` to its usual queue when the surrounding transaction commits (at once outside of one)."""
    transaction.on_commit(partial(_send, task, args))


def enqueue_task_in(seconds: float, task: str, *args: Any) -> None:
    """Send `task(*args)` so that it runs `seconds` after the surrounding transaction has committed, or later."""
    transaction.on_commit(partial(_send, task, args, countdown=seconds))


def enqueue_due(queue: str) -> None:
    """Enqueue due rows whose message was lost or has expired, as long as `queue` holds too few messages to keep its
    workers busy. Called by the tick, and by a worker that has ended a job: so a queue that lost its messages fills
    again at the pace of the work. The oldest rows go first, whatever their kind.
    """
    waiting = messages_waiting([queue])
    room = max(MESSAGES_PER_PROCESS * processes(queue) - waiting, 0)
    before = timezone.now() - timedelta(seconds=RESEND_SECONDS if waiting else RESEND_SECONDS_IF_EMPTY)
    due = [job for kind in kinds(queue) for job in _due(kind.model, before)[:room]]
    for job in sorted(due, key=lambda job: job.created_at)[:room]:
        if job.mark_enqueued(before):
            enqueue_on_commit(job.kind, job.pk)


def _due(model: type[Job], before: Any) -> Any:
    return model.objects.due().not_enqueued_since(before).order_by("pk")


def _send(task: str, args: tuple[Any, ...], queue: str | None = None, **when: float) -> None:
    try:
        current_app.send_task(task, args=args, queue=queue, retry=False, expires=RESEND_SECONDS, **when)
    except (OperationalError, OSError) as reason:
        log.warning("broker unavailable, the tick will pick up %s%s: %s", task, args, reason)
