"""Scrubs: what lies in the store is read again, a part at a time, and compared with its digest."""

from django.db import models
from django.urls import reverse

from studio.core.job_catalogue import job
from studio.core.jobs import Job
from studio.core.queues import HEAVY


@job("scrub", queue=HEAVY)
class Scrub(Job):
    """One pass over the artifacts that nobody has read for the longest time."""

    count = models.PositiveIntegerField(default=0)  # artifacts
    size = models.BigIntegerField(default=0)  # bytes
    damaged = models.PositiveIntegerField(default=0)  # artifacts found damaged

    def __str__(self) -> str:
        return f"scrub {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:registry_scrub_change", args=[self.pk])
