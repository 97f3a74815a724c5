"""Images that are built: one row for each place that has one, written by the build that made it."""

from typing import Self

from django.db import models
from django.utils import timezone

from registry.models import Artifact
from studio.accounts.models import Workspace


class ImageKind(models.TextChoices):
    """What an image holds: an environment, or with it the models and the source of a revision."""

    ENVIRONMENT = "environment"
    SERVICE = "service"


class BuiltImageQuerySet(models.QuerySet["BuiltImage"]):
    def usable(self, image_hash: str, place: str) -> Self:
        """The image of this content that can be run there, or none."""
        return self.filter(image_hash=image_hash, place=place, removing_at__isnull=True)


class BuiltImage(models.Model):
    """An image at an engine, and where it was pushed. `removing_at` is set before it is removed: from then on it counts
    as not built.

    `image_hash` covers all that decides its content; `image_id` is what the engine calls it, `digest` what a registry
    calls it, and `reference` what targets run. `layers` are the digests of its layers, bottom first. Images of
    environments are shared by all workspaces and belong to none.
    """

    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.SET_NULL, related_name="images")
    models_in = models.JSONField(default=list)  # name:number of each model version
    kind = models.CharField(max_length=16, choices=ImageKind.choices, default=ImageKind.SERVICE)
    image_hash = models.CharField(max_length=64, db_index=True)
    place = models.CharField(max_length=400)  # the engine's address
    tag = models.CharField(max_length=255)
    image_id = models.CharField(max_length=80)
    digest = models.CharField(max_length=80, blank=True)
    reference = models.CharField(max_length=500)
    base = models.CharField(max_length=400, blank=True)  # what was named as the image below
    layers = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    built_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(default=timezone.now)
    removing_at = models.DateTimeField(null=True, blank=True)
    bill = models.ForeignKey(Artifact, null=True, blank=True, on_delete=models.PROTECT, related_name="bills_of_images")
    licences = models.ForeignKey(
        Artifact, null=True, blank=True, on_delete=models.PROTECT, related_name="licences_of_images"
    )

    objects = BuiltImageQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image_hash", "place"], name="image_once_a_place")]

    def __str__(self) -> str:
        return self.tag
