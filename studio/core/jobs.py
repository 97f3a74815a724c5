"""What happens once is a row that a person can wait for: `Job`, the abstract base of every such row.

The broker is only a doorbell. A worker claims a due row with a conditional update and a lease; when the
worker dies the lease lapses and the tick rings again, so a job runs at least once and its work must be safe
to repeat.
"""

from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

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
        """Rows nobody works on: queued ones, and running ones whose worker went silent."""
        lapsed = Q(state=JobState.RUNNING, lease_until__lt=timezone.now())
        return self.filter(Q(state=JobState.QUEUED) | lapsed)

    def not_rung_since(self, moment: datetime) -> Self:
        """Rows about which no worker was told after `moment`."""
        return self.filter(Q(rung_at__isnull=True) | Q(rung_at__lt=moment))

    def unfinished(self) -> Self:
        return self.filter(state__in=[JobState.QUEUED, JobState.RUNNING])


class Job(models.Model):
    """One piece of work, with its state, its step and what came of it."""

    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.QUEUED, db_index=True)
    step = models.CharField(max_length=64, blank=True)
    progress = models.FloatField(default=0)  # 0 to 1
    attempt = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True)  # when a worker was last told; None: not since it was claimed
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)  # SlipwayError.as_dict()

    objects = JobQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    def ahead(self) -> int:
        """How many rows wait or run that were there before this one."""
        return type(self).objects.unfinished().filter(pk__lt=self.pk).count()

    def claim(self, seconds: float) -> bool:
        """Take the row for `seconds`; False when another worker has it, it has ended or is given up now."""
        now = timezone.now()
        facts: dict[str, Any] = {"lease_until": now + timedelta(seconds=seconds), "started_at": now, "rung_at": None}
        fresh = self._due().filter(attempt__lt=MAX_ATTEMPTS)
        if fresh.update(state=JobState.RUNNING, attempt=F("attempt") + 1, **facts):
            self.refresh_from_db()
            return True
        self.give_up()
        return False

    def take_ring(self, before: datetime) -> bool:
        """Note that a worker is told about the row now; False when one was told after `before`, or its state moved."""
        mine = type(self).objects.filter(pk=self.pk, state=self.state).not_rung_since(before)
        return bool(mine.update(rung_at=timezone.now()))

    def give_up(self) -> bool:
        """Fail a row whose worker died `MAX_ATTEMPTS` times instead of trying it for ever; False for any other row."""
        worn_out = self._due().filter(attempt__gte=MAX_ATTEMPTS)
        return bool(worn_out.update(state=JobState.FAILED, finished_at=timezone.now(), error=WORKER_LOST))

    def _due(self) -> "JobQuerySet[Job]":
        return type(self).objects.filter(pk=self.pk).due()

    def _still_mine(self) -> "JobQuerySet[Job]":
        """The attempt is the fencing number: a worker that lost its lease can no longer write."""
        return type(self).objects.filter(pk=self.pk, state=JobState.RUNNING, attempt=self.attempt)

    def report(self, step: str, progress: float, *, seconds: float) -> bool:
        """Tell where the work is and keep the lease; False means: stop, it is no longer yours."""
        lease = timezone.now() + timedelta(seconds=seconds)
        return bool(self._still_mine().update(step=step, progress=progress, lease_until=lease))

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
