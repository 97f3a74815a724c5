"""What belongs to a workspace: the base of every list in the studio starts from what a person may see."""

from typing import Self

from django.db import models

from studio.accounts.models import User, Workspace


class OwnedQuerySet(models.QuerySet):
    """Rows of one workspace each. `workspace_path` is the lookup that leads there."""

    workspace_path = "workspace"

    def visible_to(self, user: User) -> Self:
        """Only rows of workspaces the person belongs to."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(**{f"{self.workspace_path}__memberships__user": user})

    def in_workspace(self, workspace: Workspace) -> Self:
        return self.filter(**{self.workspace_path: workspace})
