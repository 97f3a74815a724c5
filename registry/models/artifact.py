"""Files by content: an artifact is bytes under their digest; an upload is bytes on their way there."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from studio.accounts.models import Workspace
from studio.accounts.ownership import OwnedQuerySet


class Artifact(models.Model):
    """Bytes stored once under their SHA-256. The row exists only when the file is whole."""

    digest = models.CharField(max_length=64, primary_key=True)  # SHA-256, hex
    size = models.BigIntegerField()  # bytes
    created_at = models.DateTimeField(auto_now_add=True)
    # Last time somebody stored these bytes: the sweep leaves young artifacts alone, they may be about to be used.
    touched_at = models.DateTimeField(default=timezone.now, db_index=True)
    checked_at = models.DateTimeField(default=timezone.now, db_index=True)  # when the stored bytes were last hashed
    damaged_at = models.DateTimeField(null=True, blank=True)  # since when they are lost, or others than were stored

    def __str__(self) -> str:
        return self.digest[:12]

    @property
    def is_damaged(self) -> bool:
        return self.damaged_at is not None


class Upload(models.Model):
    """One file being received in chunks. `received` bytes are safely on disk; the client may go on there."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="uploads")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    path = models.CharField(max_length=500)  # relative path the file will have inside the version
    size = models.BigIntegerField()  # declared, bytes
    digest = models.CharField(max_length=64, blank=True)  # declared, if the client knows it
    received = models.BigIntegerField(default=0)  # bytes
    artifact = models.ForeignKey(Artifact, null=True, blank=True, on_delete=models.PROTECT)  # set when complete
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(default=timezone.now, db_index=True)  # last sign of life of the client

    objects = OwnedQuerySet.as_manager()

    def __str__(self) -> str:
        return self.path

    @property
    def is_complete(self) -> bool:
        return self.artifact_id is not None
