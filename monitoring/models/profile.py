"""Profiles: how much load a model version or a revision holds, measured apart from every service."""

from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse

from deployments.models import InferenceConfig, Revision, Target
from registry.models import ModelVersion
from studio.accounts.models import Workspace
from studio.core.job_catalogue import job
from studio.core.jobs import Job
from studio.core.queues import LONG


@job(
    "profile",
    queue=LONG,
    workspace="workspace",
    related=(
        "workspace",
        "requested_by",
        "target__workspace",
        "version__model",
        "version__workspace",
        "revision__service__workspace",
        "config__environment",
    ),
)
class Profile(Job):
    """Of a `revision`, or of a `version` with a `config`; at `target`, with the deployment options `options` where the
    search does not vary them.

    `goal`, `limits` and the measurements are what monitoring.profiling.measure calls so, as plain values; `bodies` says
    what is sent ({"source": words for people, "texts": request bodies}). `points` grows while it runs, so that the next
    attempt goes on from there, and so does `samples`: each is [seconds since the first, number of the point, answers a
    second, p50 ms, p99 ms, cores, bytes of the largest replica, threads]. `result` is there once it has succeeded,
    and so are `operators` where an ONNX model answers without code (monitoring.profiles.operators).
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="profiles")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    name = models.CharField(max_length=63, blank=True)  # that people have given it
    description = models.TextField(blank=True)
    version = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.CASCADE, related_name="profiles")
    revision = models.ForeignKey(Revision, null=True, blank=True, on_delete=models.CASCADE, related_name="profiles")
    config = models.ForeignKey(InferenceConfig, on_delete=models.CASCADE, related_name="profiles")
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="profiles")
    options = models.JSONField(default=dict)
    goal = models.JSONField(default=dict)
    limits = models.JSONField(default=dict)
    bodies = models.JSONField(default=dict)
    points = models.JSONField(default=list)
    samples = models.JSONField(default=list)
    cold_start_seconds = models.FloatField(null=True, blank=True)  # of the slowest start
    result = models.JSONField(null=True, blank=True)
    operators = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], condition=~models.Q(name=""), name="profile_name_once"
            )
        ]

    def __str__(self) -> str:
        return f"profile of {self.subject}"

    @property
    def subject(self) -> str:
        """What is measured, as people name it."""
        return f"{self.revision.service.name}, revision {self.revision.number}" if self.revision else str(self.version)

    @property
    def title(self) -> str:
        return f"Profiling {self.subject}"

    @property
    def purpose(self) -> str:
        """What its isolated runs are called."""
        return f"profile-{self.pk}"

    def keep(self, **facts: Any) -> bool:
        """Write what has been measured so far; False when it was cancelled or taken over in the meantime."""
        return bool(self._still_mine().update(**facts))

    def get_absolute_url(self) -> str:
        return reverse("profile_detail", args=[self.workspace.slug, self.pk])
