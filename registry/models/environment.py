"""Environments: what an entry script runs in."""

from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from registry.models.artifact import Artifact
from studio.accounts.models import Workspace
from studio.accounts.ownership import OwnedQuerySet

CURATED_PREFIX = "slipway-"  # of the names of environments that the studio brings along


class EnvironmentQuerySet(OwnedQuerySet):
    def registered(self) -> Self:
        """All but drafts."""
        return self.filter(draft=False)


class Environment(models.Model):
    """A named, versioned definition of what services run in. Never changed, only superseded.

    `draft`: of files that are registered nowhere; lists leave it out, nobody finds it by its name, and whoever made it
    removes it.

    `definition_hash` covers everything that decides what gets installed, so equal definitions share one lock
    and one build, whatever their names. Base, steps and `conda` take effect where images are built.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="environments")
    name = models.CharField(max_length=120)
    number = models.PositiveIntegerField()
    python_version = models.CharField(max_length=16)  # "3.11"
    requirements = models.JSONField(default=list)  # ["scikit-learn==1.9.1"]
    description = models.TextField(blank=True)
    variables = models.JSONField(default=dict, blank=True)  # exported in a service; its config's and deployment's win
    base_image = models.CharField(max_length=400, blank=True)  # empty: SLIPWAY_BASE_IMAGE
    dockerfile = models.TextField(blank=True)  # builds the base, in place of base_image
    docker_steps = models.JSONField(default=list, blank=True)  # instructions on top of the base: ["RUN apt-get …"]
    conda = models.JSONField(
        default=dict, blank=True
    )  # what needs conda's solver: {"channels": […], "dependencies": […]}
    notes = models.JSONField(default=list, blank=True)  # what was translated or left out of the file it was made from
    draft = models.BooleanField(default=False)
    definition_hash = models.CharField(max_length=64, db_index=True)
    lock = models.TextField(blank=True)  # requirements with hashes, once resolved
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    built: "BuiltEnvironment | None"  # read ahead by registry.environments.built.with_built

    objects = EnvironmentQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-number"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name", "number"], name="environment_number")]

    def __str__(self) -> str:
        return f"{self.name}:{self.number}"

    @property
    def is_curated(self) -> bool:
        """Whether the studio brings it along; such ones are only read."""
        return self.name.startswith(CURATED_PREFIX)

    @property
    def has_own_base(self) -> bool:
        """Whether its Python is one of an image, rather than of this machine."""
        return bool(self.base_image or self.dockerfile)


class CuratedEnvironment(models.Model):
    """A definition that the studio brings along for every workspace. Rows are added by migrations, never changed: a
    newer version of an environment is another row, and the older one stays usable."""

    name = models.CharField(max_length=120)
    number = models.PositiveIntegerField()
    description = models.TextField()
    requirements = models.JSONField(default=list)

    class Meta:
        ordering = ["name", "number"]
        constraints = [models.UniqueConstraint(fields=["name", "number"], name="curated_number_once")]

    def __str__(self) -> str:
        return f"{self.name}:{self.number}"


class EnvironmentWheel(models.Model):
    """A private wheel that belongs to a definition: its file name, which says name, version and tags, and its bytes."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="wheels")
    filename = models.CharField(max_length=255)
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="environment_wheels")

    class Meta:
        ordering = ["filename"]
        constraints = [models.UniqueConstraint(fields=["environment", "filename"], name="environment_wheel_once")]

    def __str__(self) -> str:
        return self.filename


class BuiltEnvironmentQuerySet(models.QuerySet["BuiltEnvironment"]):
    def usable(self, definition_hash: str) -> Self:
        """The row of a definition whose environment is there, or none."""
        return self.filter(definition_hash=definition_hash, built_at__isnull=False, removing_at__isnull=True)


class BuiltEnvironment(models.Model):
    """What this studio's disk has of a definition. `built_at` is empty until the folder is there, and when it is gone.

    `begun_at` is set while somebody makes it, `failed_at` by an attempt that did not end well. `removing_at` is set
    before the folder is removed: from then on the environment counts as not built.
    """

    definition_hash = models.CharField(max_length=64, unique=True)
    place = models.CharField(max_length=64, blank=True)  # name of its folder below the folder of environments
    digest = models.CharField(max_length=64, blank=True)  # SHA-256 of the lock it was made from
    size_bytes = models.BigIntegerField(default=0)
    begun_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    built_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(default=timezone.now)
    removing_at = models.DateTimeField(null=True, blank=True)

    objects = BuiltEnvironmentQuerySet.as_manager()

    def __str__(self) -> str:
        return self.definition_hash[:12]

    @property
    def is_usable(self) -> bool:
        return self.built_at is not None and self.removing_at is None
