"""What scaling keeps of instances."""

from django.db import models

from deployments.models.instance import Instance


class InstanceScaling(models.Model):
    """How the replicas of an instance that scales were decided last. Written by deployments.control.scale alone.

    `state` is a deployments.control.scaling.ScalingState as JSON, written only for the `version` that was read. `why`
    and `changed_at`: of the last change of the number.
    """

    instance = models.OneToOneField(Instance, on_delete=models.CASCADE, related_name="scaling")
    state = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    why = models.TextField(blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"scaling of {self.instance}"
