"""Ring a worker once the transaction has committed.

Losing a ring is harmless: the row stands in the database and the tick finds it. So a broker that is away
costs a delay, never a failed request.
"""

import logging
from functools import partial
from typing import Any

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def ring(task: Task, *args: Any) -> None:
    """Send `task(*args)` when the surrounding transaction commits (at once outside of one)."""
    transaction.on_commit(partial(_send, task, args))


def _send(task: Task, args: tuple[Any, ...]) -> None:
    try:
        task.apply_async(args=args, retry=False)
    except (OperationalError, OSError) as reason:
        log.warning("broker away, the tick will pick up %s%s: %s", task.name, args, reason)
