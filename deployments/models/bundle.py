"""Bundles that are built: one row for each folder, written by the build that made it."""

from typing import Self

from django.db import models
from django.utils import timezone


class BuiltBundleQuerySet(models.QuerySet["BuiltBundle"]):
    def of(self, content_hash: str) -> Self:
        """Bundles of this content that can be used."""
        return self.filter(content_hash=content_hash, removing_at__isnull=True)


class BuiltBundle(models.Model):
    """A bundle on this studio's disk. Several hold the same content only where releases of before made them.

    `removing_at` is set before the folder is removed: from then on the bundle counts as not built.
    """

    content_hash = models.CharField(max_length=64, db_index=True)
    place = models.CharField(max_length=64, unique=True)  # name of its folder below the folder of bundles
    digest = models.CharField(max_length=64, blank=True)  # SHA-256 over paths and contents; empty: of before 0.2
    size_bytes = models.BigIntegerField(default=0)
    built_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(default=timezone.now)
    removing_at = models.DateTimeField(null=True, blank=True)

    objects = BuiltBundleQuerySet.as_manager()

    def __str__(self) -> str:
        return self.place[:12]
