"""Instances: one revision of a service running on one target."""

from django.db import models
from django.utils import timezone

from deployments.models.service import Phase, Revision, Service
from deployments.models.target import Target


class InstanceDesired(models.TextChoices):
    """What the service-level step wants of an instance."""

    RUNNING = "running"
    STOPPED = "stopped"
    REMOVED = "removed"


class Instance(models.Model):
    """Desired state (`desired`, `serving`, `generation`), observed facts (`observed`, under `observed_generation`) and
    the reconcile loop's own columns (`due_at`, `lease_*`).

    Every change adds 1 to `generation`, and facts are written only for the generation they were taken under.
    `observed` is what the loop last noted (deployments.control.notes.Notes): all of it counts until what should run
    changes again (`changed_at`); a new key is no such change. A stopped instance stays as a row for its log.
    """

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="instances")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="instances")
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="instances")
    desired = models.CharField(max_length=16, choices=InstanceDesired.choices, default=InstanceDesired.RUNNING)
    serving = models.BooleanField(default=False)  # whether it should answer at the service's address
    replicas = models.PositiveSmallIntegerField(default=1)
    generation = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(default=timezone.now)  # when what should run last changed
    phase = models.CharField(max_length=16, choices=Phase.choices, default=Phase.TRANSITIONING)
    cause = models.JSONField(null=True, blank=True)  # SlipwayError.as_dict() of what keeps it from Healthy
    observed = models.JSONField(default=dict)
    observed_generation = models.PositiveIntegerField(default=0)
    observed_at = models.DateTimeField(null=True, blank=True)
    endpoints = models.JSONField(default=list)  # where it answers by itself, as observed
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_holder = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "target"], name="instance_once_a_target")]

    def __str__(self) -> str:
        return f"instance of {self.revision}"
