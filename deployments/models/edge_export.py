"""Exports of revisions as archives for devices, and the key that signs what devices get."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from deployments.models.service import Revision, Service
from studio.core.encryption import EncryptedTextField
from studio.core.job_catalogue import job
from studio.core.jobs import Job, JobState
from studio.core.queues import BUILDS


class SigningKey(models.Model):
    """The studio's Ed25519 key pair, both halves as base64 of 32 bytes. The only row has the key 1."""

    private = EncryptedTextField()
    public = models.CharField(max_length=44)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return "signing key"


@job(
    "edge_export",
    queue=BUILDS,
    workspace="service__workspace",
    related=("service__workspace", "revision__config__environment", "revision__service__workspace"),
)
class EdgeExport(Job):
    """A revision as a file that starts on a device. `digest` and `size_bytes` are of the file; it goes after a while
    (`removed_at`), and the row stays."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="edge_exports")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="edge_exports")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    digest = models.CharField(max_length=64, blank=True)  # SHA-256, hex
    size_bytes = models.BigIntegerField(default=0)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"export of {self.revision}"

    def get_absolute_url(self) -> str:
        return reverse("service_edge", args=[self.service.workspace.slug, self.service.name])

    @property
    def tone(self) -> str:
        return JobState(self.state).tone

    @property
    def path(self) -> Path:
        """Where the file is, once it is whole."""
        return Path(settings.DATA_DIR) / "edge" / "exports" / f"{self.pk}.tar.gz"

    @property
    def filename(self) -> str:
        """What people save it as."""
        return f"{self.service.name}-{self.revision.number}.tar.gz"

    @property
    def can_be_downloaded(self) -> bool:
        return bool(self.digest) and self.removed_at is None
