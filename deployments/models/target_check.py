"""Checks of targets: can services run there?"""

from django.conf import settings
from django.db import models
from django.urls import reverse

from deployments.models.target import Target
from studio.core.job_catalogue import job
from studio.core.jobs import Job, JobState
from studio.core.queues import HEAVY


@job("target_check", queue=HEAVY, workspace="target__workspace", related=("target__workspace",))
class TargetCheck(Job):
    """One connection test. `problems` says in words what is wrong; empty when services can run there. `facts` are what
    else people should know of the target, such as how it keeps services apart."""

    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="checks")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    problems = models.JSONField(default=list)
    facts = models.JSONField(default=list)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"check of the target {self.target}"

    def get_absolute_url(self) -> str:
        return reverse("target_detail", args=[self.target.workspace.slug, self.target.name])

    @property
    def verdict(self) -> str:
        """What people read: the check's end, or that it has none yet."""
        if not self.is_final:
            return "Checking"
        if self.state != JobState.SUCCEEDED:
            return "Check failed"
        return "Problems" if self.problems else "Ready"

    @property
    def tone(self) -> str:
        return {"Checking": "busy", "Check failed": "bad", "Problems": "bad", "Ready": "ok"}[self.verdict]
