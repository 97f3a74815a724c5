"""A model: the name under which versions are registered."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from studio.accounts.models import Workspace
from studio.accounts.ownership import OwnedQuerySet

if TYPE_CHECKING:
    from registry.models.version import ModelVersion

name_rule = RegexValidator(
    r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?\Z",
    "Use letters, digits, '.', '_' and '-', at most 255; the first and last is a letter or digit.",
)


class Model(models.Model):
    """A name in a workspace. `last_number` only ever grows, so a number is never given twice."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(max_length=255, validators=[name_rule])
    last_number = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)  # moves with every new version and edit

    found: "list[ModelVersion]"  # the newest version that matches, when a search put it here (registry.search.search)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="model_name_once")]
        indexes = [models.Index(fields=["workspace", "-updated_at", "-id"], name="model_newest")]

    def __str__(self) -> str:
        return self.name

    @property
    def next_number(self) -> int:
        return self.last_number + 1
