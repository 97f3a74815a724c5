"""Targets: the places where services run."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models
from django.utils import timezone

from studio.accounts.models import Workspace
from studio.accounts.ownership import OwnedQuerySet
from studio.core.encryption import EncryptedTextField


class Target(models.Model):
    """`settings` are those that may be shown; `secrets` holds the others, as JSON, encrypted."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="targets")
    name = models.CharField(max_length=63)
    kind = models.CharField(max_length=32, default="local")  # of deployments.targets.kinds
    settings = models.JSONField(default=dict)
    secrets = EncryptedTextField(blank=True, default="")
    changed_at = models.DateTimeField(default=timezone.now)  # when the settings last changed

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="target_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def all_settings(self) -> dict[str, Any]:
        """Plain and secret ones."""
        return self.settings | (json.loads(self.secrets) if self.secrets else {})

    def put_settings(self, settings: Mapping[str, Any], secret: Iterable[str]) -> None:
        """Set all settings, of which those named by `secret` are kept encrypted. Does not save the row."""
        hidden = {name: settings[name] for name in secret if settings.get(name) is not None}
        self.settings = {name: value for name, value in settings.items() if name not in hidden}
        self.secrets = json.dumps(hidden) if hidden else ""
        self.changed_at = timezone.now()
