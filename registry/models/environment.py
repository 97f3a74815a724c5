"""Environments: what an entry script runs in."""

from django.conf import settings
from django.db import models

from studio.accounts.models import Workspace
from studio.accounts.ownership import OwnedQuerySet


class Environment(models.Model):
    """A named, versioned definition: a Python version and pip requirements. Never changed, only superseded.

    `definition_hash` covers everything that decides what gets installed, so equal definitions share one lock
    and one build, whatever their names.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="environments")
    name = models.CharField(max_length=120)
    number = models.PositiveIntegerField()
    python_version = models.CharField(max_length=16)  # "3.11"
    requirements = models.JSONField(default=list)  # ["scikit-learn==1.9.1"]
    definition_hash = models.CharField(max_length=64, db_index=True)
    lock = models.TextField(blank=True)  # requirements with hashes, once resolved
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-number"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name", "number"], name="environment_number")]

    def __str__(self) -> str:
        return f"{self.name}:{self.number}"
