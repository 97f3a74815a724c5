"""Conversions: a version measured as ONNX in several variants, of which some become versions of their own."""

from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse

from registry.models.artifact import Artifact
from registry.models.environment import Environment
from registry.models.version import ModelVersion
from studio.accounts.models import Workspace
from studio.core.job_catalogue import job
from studio.core.jobs import Job
from studio.core.queues import LONG


@job("conversion", queue=LONG, workspace="workspace", related=("workspace", "version__model", "requested_by"))
class Conversion(Job):
    """`variants` are names that were asked for. `rows`: a person's own, with `label` as the column of the true answers;
    without, rows are made up. `environment`: in which the model loads; without, one is made of what its files tell.

    `result` holds what was found of the original: title, rows, paces, notes. `registers`: the recommended variant
    becomes a version at once.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="conversions")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="conversions")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    environment = models.ForeignKey(Environment, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    wanted = models.JSONField(default=list)  # names of variants
    rows = models.ForeignKey(Artifact, null=True, blank=True, on_delete=models.PROTECT, related_name="conversions")
    rows_form = models.CharField(max_length=8, blank=True)  # csv or json
    label = models.CharField(max_length=200, blank=True)
    tolerance = models.FloatField(null=True, blank=True)
    registers = models.BooleanField(default=False)
    result = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"conversion of {self.version}"

    @property
    def is_optimisation(self) -> bool:
        """Whether the original is ONNX already."""
        return self.version.framework == "onnx"

    @property
    def title(self) -> str:
        return f"{'Optimising' if self.is_optimisation else 'Converting'} {self.version}"

    @property
    def verb(self) -> str:
        """On pages."""
        return "Optimise" if self.is_optimisation else "Convert"

    @property
    def recommended(self) -> "ConversionVariant | None":
        """The winner; None where the original is the best there is."""
        return next((one for one in self.variants.all() if one.verdict == "recommended"), None)

    @property
    def new_version(self) -> ModelVersion | None:
        """The first version that was made of a variant."""
        return next((one.version for one in self.variants.all() if one.version), None)

    def get_absolute_url(self) -> str:
        return reverse("conversion_detail", args=[self.workspace.slug, self.pk])


class ConversionVariant(models.Model):
    """One way to have the model in ONNX: its file, what was measured, and the verdict of the gates.

    `facts`: title, note, size, load_seconds, groups (comparisons by kind of rows), warnings, evidence, paces.
    `one` and `many` are speed-ups over the original at one row and at many; `largest` the largest difference.
    """

    conversion = models.ForeignKey(Conversion, on_delete=models.CASCADE, related_name="variants")
    name = models.CharField(max_length=32)
    verdict = models.CharField(max_length=16)
    reason = models.TextField(blank=True)
    one = models.FloatField(null=True, blank=True)
    many = models.FloatField(null=True, blank=True)
    largest = models.FloatField(null=True, blank=True)
    changed = models.PositiveIntegerField(null=True, blank=True)
    facts = models.JSONField(default=dict)
    artifact = models.ForeignKey(Artifact, null=True, blank=True, on_delete=models.PROTECT, related_name="variants")
    version = models.OneToOneField(
        ModelVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="variant"
    )

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["conversion", "name"], name="conversion_variant_once")]

    def __str__(self) -> str:
        return f"{self.facts.get('title', self.name)} of {self.conversion.version}"

    @property
    def tone(self) -> str:
        """Of the verdict, on pages."""
        tones = {"recommended": "ok", "works": "ok", "slower": "warn", "refused": "bad", "failed": "bad"}
        return tones.get(self.verdict, "idle")

    @property
    def can_be_registered(self) -> bool:
        """Slower ones may be smaller; those with other answers never become versions."""
        return self.artifact_id is not None and self.verdict in {"recommended", "works", "slower"}

    def pace(self, size: str) -> dict[str, Any]:
        """Seconds and noise at `one` row or at `many`; empty where it was not measured."""
        found: dict[str, Any] = self.facts.get("paces", {}).get(size, {})
        return found
