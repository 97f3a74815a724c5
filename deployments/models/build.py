"""Builds: a revision's recipe made runnable, once per equal recipe."""

from django.db import models

from deployments.models.service import Revision
from studio.core.jobs import Job


class Build(Job):
    """Makes the bundle and the locked environment of a revision. `step` is one of environment, bundle."""

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="builds")

    def __str__(self) -> str:
        return f"build of {self.revision}"
