"""Which services a person may watch."""

from deployments.models import Service
from studio.accounts.models import User, Workspace
from studio.core.errors import NotFound


def find_service(user: User, workspace: Workspace, name: str) -> Service:
    """The service of that name in the workspace, if the person may see it; else `NotFound`."""
    found: Service | None = Service.objects.visible_to(user).in_workspace(workspace).filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no service '{name}' in {workspace}.")
    return found
