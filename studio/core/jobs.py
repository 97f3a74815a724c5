"""What happens once is a row that a person can wait for: `Job`, the abstract base of every such row.

The broker only wakes workers. A worker claims a due row with a conditional update and a lease; when the
worker dies the lease expires and the tick enqueues the row again, so a job runs at least once and its work must be
safe to repeat.
"""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self, TypeVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from studio.core.errors import SlipwayError


class JobState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def tone(self) -> str:
        return {"queued": "idle", "running": "busy", "succeeded": "ok", "failed": "bad", "cancelled": "idle"}[
            self.value
        ]


FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
MAX_ATTEMPTS = 5
WORKER_LOST = SlipwayError(
    "The worker died several times while working on this.",
    code="worker_lost",
    hint="Look at the worker's log: it probably ran out of memory. Then start it again.",
).as_dict()


JobRow = TypeVar("JobRow", bound="Job")


class JobQuerySet(models.QuerySet[JobRow]):
    def due(self) -> Self:
        """Rows that no worker has: queued ones, and running ones whose lease has expired."""
        now = timezone.now()
        # A lease that ends later than any worker can have renewed it to was taken before the clock was set back.
        impossible = now + timedelta(seconds=2 * self.model.lease_seconds)
        lapsed = Q(lease_until__lt=now) | Q(lease_until__gt=impossible)
        return self.filter(Q(state=JobState.QUEUED) | Q(lapsed, state=JobState.RUNNING))

    def not_enqueued_since(self, moment: datetime) -> Self:
        """Rows for which no message was sent after `moment`."""
        set_back = Q(enqueued_at__gt=timezone.now())  # sent before the clock was set back, nobody knows when
        return self.filter(Q(enqueued_at__isnull=True) | Q(enqueued_at__lt=moment) | set_back)

    def unfinished(self) -> Self:
        return self.filter(state__in=[JobState.QUEUED, JobState.RUNNING])


class Job(models.Model):
    """One piece of work, with its state, its step and its result. Subclasses register with `job_catalogue.job`."""

    kind: ClassVar[str]
    lease_seconds: ClassVar[float]
    max_attempts: ClassVar[int] = MAX_ATTEMPTS

    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.QUEUED, db_index=True)
    step = models.CharField(max_length=64, blank=True)
    progress = models.FloatField(default=0)  # 0 to 1
    attempt = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    enqueued_at = models.DateTimeField(null=True, blank=True)  # the last message; None: none since the last claim
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)  # SlipwayError.as_dict()

    objects = JobQuerySet.as_manager()

    class Meta:
        abstract = True

    def get_absolute_url(self) -> str:
        """The page that shows the work."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What the list of running work calls it."""
        return str(self)

    @property
    def tone(self) -> str:
        """Of its state, on pages."""
        return JobState(self.state).tone

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    def ahead(self) -> int:
        """How many unfinished rows were created before this one."""
        return type(self).objects.unfinished().filter(pk__lt=self.pk).count()

    def claim(self, seconds: float | None = None) -> bool:
        """Take the row for `seconds`, or its kind's lease; False when it is not due or has no attempt left."""
        now = timezone.now()
        lease = timedelta(seconds=self.lease_seconds if seconds is None else seconds)
        facts: dict[str, Any] = {"lease_until": now + lease, "started_at": now, "enqueued_at": None}
        fresh = self._due().filter(attempt__lt=self.max_attempts)
        if not fresh.update(state=JobState.RUNNING, attempt=F("attempt") + 1, **facts):
            return False
        self.refresh_from_db()
        return True

    def mark_enqueued(self, before: datetime) -> bool:
        """Note that a message is sent now; False when one was sent after `before`, or the state has changed."""
        mine = type(self).objects.filter(pk=self.pk, state=self.state).not_enqueued_since(before)
        return bool(mine.update(enqueued_at=timezone.now()))

    def give_up(self) -> bool:
        """Fail a row whose workers died `max_attempts` times instead of trying for ever; False for any other row."""
        facts = {"state": JobState.FAILED, "finished_at": timezone.now(), "error": WORKER_LOST}
        given_up = bool(self._due().filter(attempt__gte=self.max_attempts).update(**facts))
        if given_up:
            self.refresh_from_db()
        return given_up

    def _due(self) -> "JobQuerySet[Job]":
        return type(self).objects.filter(pk=self.pk).due()

    def _still_mine(self) -> "JobQuerySet[Job]":
        """The attempt is the fencing token: a worker that lost its lease can no longer write."""
        return type(self).objects.filter(pk=self.pk, state=JobState.RUNNING, attempt=self.attempt)

    def report(self, step: str, progress: float) -> bool:
        """Write down where the work is and renew the lease; False means: stop, another worker has it."""
        lease = timezone.now() + timedelta(seconds=self.lease_seconds)
        return bool(self._still_mine().update(step=step, progress=progress, lease_until=lease))

    def requeue(self, **facts: Any) -> bool:
        """Give the row back to the queue for another attempt; False when it was cancelled or taken over meanwhile."""
        facts |= {"state": JobState.QUEUED, "lease_until": None}
        return bool(self._still_mine().update(**facts))

    def end(self, state: str, **facts: Any) -> bool:
        """Close the row; False when it was cancelled or taken over in the meantime."""
        facts |= {"state": state, "finished_at": timezone.now(), "lease_until": None}
        if state == JobState.SUCCEEDED:
            facts["progress"] = 1
        ended = bool(self._still_mine().update(**facts))
        if ended:
            for name, value in facts.items():
                setattr(self, name, value)
        return ended
