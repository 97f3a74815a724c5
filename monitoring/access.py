"""Which service is watched."""

from deployments.models import Service
from studio.accounts.models import Workspace
from studio.core.errors import NotFound


def find_service(workspace: Workspace, name: str) -> Service:
    """The service of that name, without all that its own page needs: charts ask every few seconds."""
    found: Service | None = Service.objects.in_workspace(workspace).filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no service '{name}' in {workspace}.")
    return found
