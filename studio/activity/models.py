"""The audit trail: who did what to what, why and when. Rows are added and never changed."""

from django.conf import settings
from django.db import models

from studio.accounts.models import Workspace
from studio.accounts.ownership import OwnedQuerySet
from studio.activity.events import title_of


class Event(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    actor_name = models.CharField(max_length=150, default="Slipway")  # kept when the person is deleted
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
