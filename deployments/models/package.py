"""Packages: what a model version or a revision serves as an image, or as a Docker context."""

from django.db import models
from django.urls import reverse

from deployments.models.config import InferenceConfig
from deployments.models.file_job import FileJob
from deployments.models.image import BuiltImage
from deployments.models.service import Revision
from registry.models import ModelVersion
from studio.accounts.models import Workspace
from studio.core.job_catalogue import job
from studio.core.queues import BUILDS


class PackageForm(models.TextChoices):
    """An image in the studio's engine, or a .tar.gz with a Dockerfile and all that it needs."""

    IMAGE = "image"
    CONTEXT = "context"


@job("package", queue=BUILDS, workspace="workspace", related=("workspace",))
class Package(FileJob):
    """Of a `revision`, or of a `version` with a `config`. A context is a file; an image is named by `reference`.
    `offline`: the context has the packages' files."""

    folder = "packages"
    how_to_get_again = (
        "Files are kept for a week: ask for the package again. An image stays in its engine and has no file."
    )

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="packages")
    form = models.CharField(max_length=16, choices=PackageForm.choices, default=PackageForm.CONTEXT)
    revision = models.ForeignKey(Revision, null=True, blank=True, on_delete=models.CASCADE, related_name="packages")
    version = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.CASCADE, related_name="packages")
    config = models.ForeignKey(InferenceConfig, on_delete=models.CASCADE, related_name="packages")
    offline = models.BooleanField(default=False)
    image = models.ForeignKey(BuiltImage, null=True, blank=True, on_delete=models.SET_NULL, related_name="packages")
    reference = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"package of {self.subject}"

    @property
    def subject(self) -> str:
        """What is in it, as people name it."""
        return f"{self.revision.service.name}, revision {self.revision.number}" if self.revision else str(self.version)

    @property
    def title(self) -> str:
        return f"Packaging {self.subject}"

    def get_absolute_url(self) -> str:
        return reverse("package_list", args=[self.workspace.slug])

    @property
    def stem(self) -> str:
        """Name of the context's one folder."""
        if self.revision:
            return f"{self.revision.service.name}-{self.revision.number}"
        return f"{self.version.model.name}-{self.version.number}" if self.version else "package"

    @property
    def filename(self) -> str:
        """What people save it as."""
        return f"{self.stem}.tar.gz"
