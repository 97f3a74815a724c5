"""Targets: the places where services run."""

from django.db import models

from studio.accounts.models import Workspace
from studio.accounts.ownership import OwnedQuerySet


class Target(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="targets")
    name = models.CharField(max_length=63)
    driver = models.CharField(max_length=32, default="local")  # a key of deployments.targets.DRIVERS
    settings = models.JSONField(default=dict)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="target_name_once")]

    def __str__(self) -> str:
        return self.name
