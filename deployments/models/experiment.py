"""Users who came to the revisions of a split service, and what came of their requests."""

from django.db import models

from deployments.models.service import Service

USER = 16  # hex digits of scoring.front_contract.user_id
NAME = 63  # characters of an outcome's name


class Participant(models.Model):
    """A user who came to a revision, as fronts tell: `first_at` since the shares last changed."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="participants")
    user = models.CharField(max_length=USER)
    revision = models.PositiveIntegerField()
    first_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "user", "revision"], name="participant_once_a_revision")
        ]

    def __str__(self) -> str:
        return f"{self.user} at revision {self.revision} of {self.service_id}"


class Outcome(models.Model):
    """What came of a user's requests, told later: 1 or 0, or a number, `at` some time."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="outcomes")
    name = models.CharField(max_length=NAME)
    user = models.CharField(max_length=USER)
    value = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "name", "user", "at"], name="outcome_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}: {self.value:g}"
