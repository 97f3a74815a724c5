"""The audit trail: who did what to what, why and when. Its rows are added and never changed.

Beside it the outbox: for each event and each consumer of events a row, written in the same transaction.
"""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from studio.accounts.models import Workspace
from studio.accounts.ownership import OwnedQuerySet
from studio.activity.events import sentence_of, title_of
from studio.core.job_catalogue import job
from studio.core.jobs import Job, JobQuerySet, JobState
from studio.core.queues import QUICK

SLIPWAY = "Slipway"  # the actor of what nobody asked for
# Pauses between the attempts of a delivery: a day in all, as Azure's Event Grid has them.
RETRY_SECONDS = (10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200)


class Event(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    actor_name = models.CharField(max_length=150, default=SLIPWAY)  # kept when the person is deleted
    action = models.CharField(max_length=64)  # the name of its type in the catalogue: "version.registered"
    subject_type = models.CharField(max_length=32)  # "version", "service"
    subject_id = models.CharField(max_length=64)
    subject_label = models.CharField(max_length=300)  # "iris:3"
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="event_by_workspace"),
            models.Index(fields=["subject_type", "subject_id", "-id"], name="event_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.subject_label}"

    @property
    def title(self) -> str:
        """What happened, as people read it."""
        return title_of(self.action)

    @property
    def sentence(self) -> str:
        """Who did what to what, in one line of plain text."""
        before, after = self.sentence_around_subject
        return f"{self.actor_name} {before}{self.subject_label}{after}"

    @property
    def sentence_around_subject(self) -> tuple[str, str]:
        """What people read before and behind the subject's name."""
        return sentence_of(self.action, self.details)


class OutboxQuerySet(JobQuerySet["OutboxEntry"]):
    def due(self) -> Self:
        """Entries whose pause is over and that no earlier one of the same consumer and subject precedes."""
        same = OutboxEntry.objects.unfinished().filter(consumer=OuterRef("consumer"), subject=OuterRef("subject"))
        earlier = same.filter(event_id__lt=OuterRef("event_id"))
        return super().due().filter(~Exists(earlier), due_at__lte=timezone.now())


@job("event_delivery", queue=QUICK, related=("event__workspace",))
class OutboxEntry(Job):
    """An event on its way to one consumer: delivered at least once, and in order for each subject."""

    max_attempts: ClassVar[int] = len(RETRY_SECONDS) + 1

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="outbox")
    consumer = models.CharField(max_length=64)
    # Copied from the event. A claim must read one table only: PostgreSQL checks the conditions of an UPDATE again
    # when another one was faster, but those of a joined table on what it read before.
    subject = models.CharField(max_length=100)
    due_at = models.DateTimeField(default=timezone.now)

    objects = OutboxQuerySet.as_manager()  # type: ignore[misc]  # as Django means it: another manager, per class

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "consumer"], name="outbox_once_per_consumer")]
        indexes = [
            models.Index(
                fields=["consumer", "subject", "event"],
                name="outbox_unfinished",
                condition=Q(state__in=[JobState.QUEUED, JobState.RUNNING]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} for {self.consumer}"
