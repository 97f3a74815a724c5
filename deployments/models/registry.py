"""Registries of images that a workspace signs in to."""

from django.db import models
from django.utils import timezone

from studio.accounts.models import Workspace
from studio.accounts.ownership import OwnedQuerySet
from studio.core.encryption import EncryptedTextField


class ImageRegistry(models.Model):
    """`address` is what names of images begin with: host, port and, where the registry has them, folders. Images that
    are built are sent to a registry with `push`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="registries")
    name = models.CharField(max_length=63)
    address = models.CharField(max_length=255)
    username = models.CharField(max_length=255, blank=True)
    password = EncryptedTextField(blank=True, default="")
    push = models.BooleanField(default=False)
    changed_at = models.DateTimeField(default=timezone.now)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="registry_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def login(self) -> dict[str, str] | None:
        """As engines take it; None where none is needed."""
        return {"username": self.username, "password": self.password} if self.username else None
