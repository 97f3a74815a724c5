"""Collections: what nothing uses any more is found and removed."""

from django.conf import settings
from django.db import models
from django.urls import reverse

from studio.core.job_catalogue import job
from studio.core.jobs import Job
from studio.core.queues import HEAVY


@job("collection", queue=HEAVY)
class Collection(Job):
    """One collection, or with `dry_run` the preview of one.

    `items` are the first ones of what went: {"kind", "name", "why", "unused_since", "bytes"}; `count` and `freed_bytes`
    are of all. `kinds` sums them up: {"bundle": {"count", "bytes"}}. `problems` names what could not be removed.
    """

    dry_run = models.BooleanField(default=False)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    items = models.JSONField(default=list)
    kinds = models.JSONField(default=dict)
    problems = models.JSONField(default=list)
    count = models.PositiveIntegerField(default=0)
    freed_bytes = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{'preview of a collection' if self.dry_run else 'collection'} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("api_collection", args=[self.pk])
