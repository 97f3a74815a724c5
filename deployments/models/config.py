"""Inference configs: how requests become predictions."""

from typing import Self

from django.conf import settings
from django.db import models

from registry.models import Artifact, Environment
from studio.accounts.models import Workspace
from studio.accounts.ownership import OwnedQuerySet


class ConfigKind(models.TextChoices):
    NO_CODE = "no_code", "no code"
    ENTRY_SCRIPT = "entry_script", "entry script"


class InferenceConfigQuerySet(OwnedQuerySet):
    def registered(self) -> Self:
        """All but drafts."""
        return self.filter(draft=False)


class InferenceConfig(models.Model):
    """`name:number`: no code, or an entry script with its files; and the environment, where it is not the studio's own.
    Never changed.

    `draft`: the files of a development service, which are registered nowhere: lists leave it out, nobody finds it by
    its name, and it goes with the last revision that runs it.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="inference_configs")
    name = models.CharField(max_length=120)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=ConfigKind.choices)
    description = models.TextField(blank=True)
    entry_script = models.CharField(max_length=500, blank=True)  # path of the script among the files
    environment = models.ForeignKey(Environment, null=True, blank=True, on_delete=models.PROTECT)
    environment_variables = models.JSONField(default=dict, blank=True)  # a deployment's own ones win
    draft = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = InferenceConfigQuerySet.as_manager()

    class Meta:
        verbose_name = "inference config"
        ordering = ["name", "-number"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name", "number"], name="config_number_once")]

    def __str__(self) -> str:
        return f"{self.name}:{self.number}"


class ConfigFile(models.Model):
    config = models.ForeignKey(InferenceConfig, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=500)
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="config_uses")

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["config", "path"], name="config_path_once")]

    def __str__(self) -> str:
        return self.path
