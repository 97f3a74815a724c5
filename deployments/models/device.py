"""Devices of edge targets, and how far a new release has got on them."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from deployments.models.service import Service
from deployments.models.target import Target
from studio.accounts.models import slug_rule
from studio.core.encryption import EncryptedTextField

ONLINE = timedelta(seconds=120)


class Device(models.Model):
    """One device. Only the digest of its key is kept; empty: the key was revoked, and the device is not answered.

    `report` is what its agent told last (scoring/edge/agent.py). `sequence` and `content_digest` are of the document
    that it was sent last.
    """

    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="devices")
    name = models.CharField(max_length=63, validators=[slug_rule])
    labels = models.JSONField(default=list)
    key_digest = models.CharField(max_length=64, blank=True, db_index=True)  # SHA-256, hex
    key_hint = models.CharField(max_length=12, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    report = models.JSONField(default=dict)
    sequence = models.PositiveBigIntegerField(default=0)
    content_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["target", "name"], name="device_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_online(self) -> bool:
        return self.last_seen_at is not None and timezone.now() - self.last_seen_at < ONLINE

    @property
    def problem(self) -> dict[str, str] | None:
        """What keeps the device as a whole from doing what is wanted."""
        return self.report.get("problem")

    def service_report(self, service: int) -> dict[str, Any]:
        """What it told of a service; empty for nothing."""
        return dict(self.report.get("services", {}).get(str(service)) or {})


class DeviceRolloutState(models.TextChoices):
    ROLLING = "rolling"
    STOPPED = "stopped"
    DONE = "done"

    @property
    def tone(self) -> str:
        return {"rolling": "busy", "stopped": "bad", "done": "ok"}[self.value]


class DeviceRollout(models.Model):
    """What the devices of a target run of a service, and which of them run the next release already.

    `stable` and `next` are `deployments.targets.edge.published.Published` as JSON, encrypted, as keys of access tokens
    may stand in them; empty for none. Devices of the waves up to `wave` (from 0) get `next`. `version` rises with every
    change: who has read an older one writes nothing.
    """

    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="device_rollouts")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="device_rollouts")
    stable = EncryptedTextField(blank=True, default="")
    next = EncryptedTextField(blank=True, default="")
    stable_revision = models.PositiveIntegerField(null=True, blank=True)
    next_revision = models.PositiveIntegerField(null=True, blank=True)
    wave = models.PositiveIntegerField(default=0)
    healthy_since = models.DateTimeField(null=True, blank=True)  # all of the wave that can be reached run it
    state = models.CharField(max_length=16, choices=DeviceRolloutState.choices, default=DeviceRolloutState.DONE)
    reason = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["target", "service"], name="device_rollout_once")]

    def __str__(self) -> str:
        return f"{self.service} on the devices of {self.target}"
