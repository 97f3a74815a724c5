"""Progressive rollouts of a service's revisions."""

from django.conf import settings
from django.db import models

from deployments.models.service import Service


class RolloutPhase(models.TextChoices):
    """Of deployments.rollouts.steps, and `waiting` until the revision is ready, and `aborted` by people."""

    WAITING = "waiting"
    WARMING = "warming"
    JUDGING = "judging"
    EXTENDED = "extended"
    HELD = "held"
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"


class Rollout(models.Model):
    """From the default revision `control` to `candidate`, both by number; a service has one at a time.

    `plan` and `state` are a deployments.rollouts.steps.Plan and RolloutState as JSON; without a state it has not begun.
    Every change adds 1 to `version`, and is written only for the version that was read. `why`: in words, what it waits
    for or how it ended.
    """

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="rollouts")
    control = models.PositiveIntegerField()
    candidate = models.PositiveIntegerField()
    plan = models.JSONField()
    state = models.JSONField(null=True, blank=True)
    phase = models.CharField(max_length=16, choices=RolloutPhase.choices, default=RolloutPhase.WAITING)
    is_paused = models.BooleanField(default=False)
    percent = models.FloatField(default=0)  # what the candidate gets now
    why = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["service"], condition=models.Q(ended_at=None), name="one_running_rollout_a_service"
            )
        ]

    def __str__(self) -> str:
        return f"rollout of {self.service} to r{self.candidate}"
