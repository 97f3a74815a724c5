"""Exports of revisions as archives for devices, and the key that signs what devices get."""

from django.db import models
from django.urls import reverse
from django.utils import timezone

from deployments.models.file_job import FileJob
from deployments.models.service import Revision, Service
from studio.core.encryption import EncryptedTextField
from studio.core.job_catalogue import job
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
class EdgeExport(FileJob):
    """A revision as a file that starts on a device."""

    folder = "edge/exports"
    how_to_get_again = "Files are kept for a week: export the revision again."

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="edge_exports")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="edge_exports")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"export of {self.revision}"

    def get_absolute_url(self) -> str:
        return reverse("service_edge", args=[self.service.workspace.slug, self.service.name])

    @property
    def filename(self) -> str:
        """What people save it as."""
        return f"{self.service.name}-{self.revision.number}.tar.gz"
