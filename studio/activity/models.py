"""The audit trail: who did what to what, why and when. Rows are added and never changed."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Model

from studio.accounts.models import User, Workspace
from studio.accounts.ownership import OwnedQuerySet


class Event(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    actor_name = models.CharField(max_length=150, default="Slipway")  # kept when the person is deleted
    action = models.CharField(max_length=64)  # "model.registered", "service.state_changed"
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


def record(
    action: str,
    subject: Model,
    *,
    workspace: Workspace,
    actor: User | None = None,
    reason: str = "",
    **details: Any,
) -> Event:
    """Write an event about `subject`. Call it inside the transaction that changes the subject."""
    return Event.objects.create(
        workspace=workspace,
        action=action,
        subject_type=str(subject._meta.verbose_name),  # the glossary's word
        subject_id=str(subject.pk),
        subject_label=str(subject),
        actor=actor,
        actor_name=actor.get_username() if actor else "Slipway",
        reason=reason,
        details=details,
    )
