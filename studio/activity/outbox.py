"""The outbox: the consumers of events, and how an event is delivered to them.

A consumer is a function that takes the event and the number of the attempt. It raises whatever it likes when it
could not do its work, and is called again later, in the end as a failed job. It may be called twice for one event:
`event.id` is the same then, and of two calls at once the one with the higher attempt holds the lease.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from studio.activity.models import RETRY_SECONDS, Event, OutboxEntry
from studio.core.enqueue import create_job, enqueue_on_commit
from studio.core.errors import SlipwayError
from studio.core.job_heartbeat import Heartbeat
from studio.core.jobs import JobState

log = logging.getLogger(__name__)

Consume = Callable[[Event, int], None]
_consumers: dict[str, Consume] = {}


def consumer(name: str) -> Callable[[Consume], Consume]:
    """Register a consumer of all events from now on. Its module is imported when its app is ready."""

    def register(consume: Consume) -> Consume:
        if name in _consumers:
            raise ValueError(f"two consumers of events are called {name!r}")
        _consumers[name] = consume
        return consume

    return register


def add_entries(event: Event) -> None:
    """An entry for each consumer. Call it in the transaction that writes the event."""
    for name in _consumers:
        create_job(OutboxEntry, event=event, consumer=name, subject=f"{event.subject_type}/{event.subject_id}")


def deliver(entry: OutboxEntry, _: Heartbeat) -> None:
    """Hand the event to its consumer; on failure try again after a pause, and in the end give up."""
    consume = _consumers.get(entry.consumer)
    if consume is None:
        error = SlipwayError(f"No consumer is called '{entry.consumer}' any more.", code="consumer_gone")
        entry.end(JobState.FAILED, error=error.as_dict())
    else:
        _try(entry, consume)
    enqueue_successor(entry)


def enqueue_successor(entry: OutboxEntry) -> None:
    """The next event about the same subject has waited for this one; its own message came too early."""
    waiting = OutboxEntry.objects.due().filter(consumer=entry.consumer, subject=entry.subject)
    if following := waiting.order_by("event_id").first():
        enqueue_on_commit(following.kind, following.pk)


def _try(entry: OutboxEntry, consume: Consume) -> None:
    try:
        consume(entry.event, entry.attempt)
    except Exception as reason:
        log.warning("attempt %s to deliver '%s' failed", entry.attempt, entry, exc_info=True)
        _retry_later(entry, reason)
    else:
        entry.end(JobState.SUCCEEDED)


def _retry_later(entry: OutboxEntry, reason: Exception) -> None:
    failure = reason if isinstance(reason, SlipwayError) else SlipwayError(str(reason), code="delivery_failed")
    if entry.attempt >= entry.max_attempts:
        entry.end(JobState.FAILED, error=failure.as_dict())
    else:
        pause = timedelta(seconds=RETRY_SECONDS[entry.attempt - 1])
        entry.requeue(due_at=timezone.now() + pause, error=failure.as_dict())
