"""Who uses a version. Written by the users, which live in apps above: the registry knows no more of them than this."""

from django.db import models

from registry.models.version import ModelVersion


class UseKind(models.TextChoices):
    SERVICE = "service"


class VersionUse(models.Model):
    """A version that something needs. `label`, `url`, `state` and `tone` are how pages show the user.

    `user_id` is the user's id in its own table. `serving` says that the version answers requests there, or is meant
    to; a use that does not serve (an older revision, a stopped service) still keeps the version from being deleted.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="uses", db_index=False)
    kind = models.CharField(max_length=16, choices=UseKind.choices)
    user_id = models.BigIntegerField()
    label = models.CharField(max_length=255)
    url = models.CharField(max_length=500)
    serving = models.BooleanField(default=False)
    state = models.CharField(max_length=32, blank=True)
    tone = models.CharField(max_length=16, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "user_id", "version"], name="version_use_once")]
        indexes = [models.Index(fields=["version", "serving"], name="version_use_serving")]

    def __str__(self) -> str:
        return f"{self.version} in {self.kind} {self.label}"
