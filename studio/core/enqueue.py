"""Ring a worker once the transaction has committed.

Losing a ring is harmless: the row stands in the database and the tick finds it. So a broker that is away
costs a delay, never a failed request.
"""

import logging
from datetime import timedelta
from functools import partial
from typing import Any

from celery import Task
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from studio.core.broker import messages_waiting
from studio.core.jobs import JobQuerySet
from studio.core.queues import processes

log = logging.getLogger(__name__)

AGAIN_SECONDS = 60  # a ring is good for so long; then the row is rung again, and an old message is dropped unread
SOON_SECONDS = 5  # the same, when the queue holds no message: whoever has not been taken by then was lost
RINGS_PER_PROCESS = 2  # more messages than that keep no worker busier


def ring(task: Task, *args: Any) -> None:
    """Send `task(*args)` when the surrounding transaction commits (at once outside of one)."""
    transaction.on_commit(partial(_send, task, args))


def ring_due(due: JobQuerySet[Any], task: Task, queue: str) -> None:
    """Ring for `due` rows whose ring was lost or has lapsed, as long as `queue` holds too few messages to keep its
    workers busy. Called by the tick, and by a worker that has ended a job: so a queue that lost its messages fills
    again at the pace of the work.
    """
    waiting = messages_waiting([queue])
    room = RINGS_PER_PROCESS * processes(queue) - waiting
    before = timezone.now() - timedelta(seconds=AGAIN_SECONDS if waiting else SOON_SECONDS)
    for job in due.not_rung_since(before)[: max(room, 0)]:
        if job.take_ring(before):
            ring(task, job.pk)


def _send(task: Task, args: tuple[Any, ...]) -> None:
    try:
        task.apply_async(args=args, retry=False, expires=AGAIN_SECONDS)
    except (OperationalError, OSError) as reason:
        log.warning("broker away, the tick will pick up %s%s: %s", task.name, args, reason)
