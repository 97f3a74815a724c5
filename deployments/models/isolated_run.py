"""What runs at a target apart from every service, for as long as somebody measures it."""

from django.db import models

from deployments.models.target import Target
from studio.accounts.models import Workspace


class IsolatedRun(models.Model):
    """The row is there before anything of the run is, and goes when nothing of it is left: what has no row cannot be
    forgotten at a target.

    `purpose` says whose it is ("profile-12"): whoever begins anew first removes what an attempt before has left.
    `lease_until`: renewed while somebody looks after it; after that it is swept away.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="isolated_runs")
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="isolated_runs")
    purpose = models.CharField(max_length=63, db_index=True)
    lease_until = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.purpose} at {self.target}"
