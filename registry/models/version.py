"""A version: frozen files with a number, and what is known about them."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Value
from django.db.models.functions import Concat, Lower
from django.urls import reverse

from registry.models.artifact import Artifact
from registry.models.model import Model
from studio.accounts.models import Workspace
from studio.accounts.ownership import OwnedQuerySet
from studio.core.job_catalogue import job
from studio.core.jobs import Job
from studio.core.queues import HEAVY
from studio.core.states import Moves


class VersionState(models.TextChoices):
    UPLOADED = "uploaded"  # files are safe; nobody has looked inside yet
    READY = "ready"
    REJECTED = "rejected"  # `rejection` says why
    DAMAGED = "damaged"  # the store has lost or changed bytes of a file; `rejection` names it

    @property
    def tone(self) -> str:
        return {"uploaded": "busy", "ready": "ok", "rejected": "bad", "damaged": "bad"}[self.value]


VERSION_MOVES: Moves = {
    VersionState.UPLOADED: frozenset({VersionState.READY, VersionState.REJECTED, VersionState.DAMAGED}),
    VersionState.READY: frozenset({VersionState.DAMAGED}),
    VersionState.REJECTED: frozenset({VersionState.UPLOADED}),  # inspect again
    VersionState.DAMAGED: frozenset({VersionState.UPLOADED}),  # the bytes are right again: inspect again
}


class ModelVersion(models.Model):
    """`name:number`. Files, number and properties stay; description and tags may be edited.

    `workspace` and `name` repeat the model's, so that lists and searches need no join. `signature` is
    `registry.inspection.signature.Signature` as JSON; `facts` holds what inspection found (opset, producer, operators).
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="versions")
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="versions")
    name = models.CharField(max_length=255, editable=False)
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=VersionState.choices, default=VersionState.UPLOADED)
    description = models.TextField(blank=True)
    framework = models.CharField(max_length=32, default="custom")  # onnx, scikit-learn, pytorch, ... custom
    declared_framework = models.CharField(max_length=32, blank=True)  # what the person said; inspection never edits it
    framework_version = models.CharField(max_length=32, blank=True)
    properties = models.JSONField(default=dict)  # append-only
    signature = models.JSONField(null=True, blank=True)
    facts = models.JSONField(default=dict)
    rejection = models.JSONField(null=True, blank=True)  # SlipwayError.as_dict()
    folder = models.CharField(
        max_length=255, blank=True, default=""
    )  # registered from it; see registry.versions.top_folder
    cpu = models.FloatField(null=True, blank=True)  # cores
    memory_gb = models.FloatField(null=True, blank=True)
    gpu = models.PositiveIntegerField(default=0)
    size = models.BigIntegerField(default=0)  # bytes, all files
    # From which version it was made, and how: {"from": "wine:1", "how": "converted to ONNX", …} outlives that version.
    derived_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="derived", editable=False
    )
    derivation = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    text = models.GeneratedField(  # what free words are looked up in; the database keeps it
        expression=Lower(Concat("name", Value(" "), "description", output_field=models.TextField())),
        output_field=models.TextField(),
        db_persist=True,
    )

    objects = OwnedQuerySet.as_manager()

    class Meta:
        verbose_name = "version"
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="version_number_once")]
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="version_newest"),
            # With the id at the end, a search reads the index alone and not the wide rows.
            models.Index(fields=["workspace", "framework", "model", "id"], name="version_by_framework"),
            models.Index(fields=["workspace", "state", "model", "id"], name="version_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.name}:{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.name = self.name or self.model.name
        super().save(*args, **kwargs)

    @property
    def state_tone(self) -> str:
        """Tone of the state's badge."""
        return VersionState(self.state).tone

    @property
    def is_moving(self) -> bool:
        """Pages ask again while this is true."""
        return self.state == VersionState.UPLOADED


class Tag(models.Model):
    """`key=value` on a version. `workspace` and `model` repeat the version's, so that a search reads one index."""

    # Without indexes of their own: the two below begin with them, and a planner takes the narrower one otherwise.
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="tags")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="tags", db_index=False)
    key = models.CharField(max_length=100)
    value = models.CharField(max_length=256, blank=True)

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["version", "key"], name="tag_key_once")]
        indexes = [models.Index(fields=["workspace", "key", "value", "model", "version"], name="tag_search")]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class VersionFile(models.Model):
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=500)  # relative, '/' between folders
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="uses")

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["version", "path"], name="file_path_once")]

    def __str__(self) -> str:
        return self.path


@job(
    "inspection",
    queue=HEAVY,
    workspace="version__workspace",
    related=("version__model", "version__workspace"),
)
class Inspection(Job):
    """The job that opens a version's files and says what they are."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="inspections")

    class Meta:
        indexes = [models.Index(fields=["state", "lease_until"], name="inspection_due")]

    def __str__(self) -> str:
        return f"inspection of {self.version}"

    @property
    def title(self) -> str:
        return f"Inspecting {self.version}"

    def get_absolute_url(self) -> str:
        version = self.version
        return reverse("version_detail", args=[version.workspace.slug, version.model.name, version.number])
