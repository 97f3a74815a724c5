"""Builds: a revision's recipe made runnable, once per equal recipe."""

from django.db import models
from django.urls import reverse

from deployments.models.service import Revision
from studio.core.job_catalogue import job
from studio.core.jobs import Job
from studio.core.queues import BUILDS


@job(
    "build",
    queue=BUILDS,
    workspace="revision__service__workspace",
    related=("revision__service__workspace", "revision__config__environment"),
)
class Build(Job):
    """Makes the bundle and the locked environment of a revision, and its image for targets that run images. `step` is
    one of environment, bundle, image."""

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="builds")

    def __str__(self) -> str:
        return f"build of {self.revision}"

    @property
    def title(self) -> str:
        return f"Building {self.revision.service.name}, revision {self.revision.number}"

    def get_absolute_url(self) -> str:
        service = self.revision.service
        return reverse("service_detail", args=[service.workspace.slug, service.name])
