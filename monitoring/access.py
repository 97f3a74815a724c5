"""Which service is watched."""

from deployments.models import Service
from deployments.services import names
from studio.accounts.models import Workspace
from studio.core.errors import NotFound


def find_service(workspace: Workspace, name: str) -> Service:
    """The service of that name, in which '_' counts as '-', without all that its own page needs: charts ask every few
    seconds."""
    rows = Service.objects.in_workspace(workspace).filter(name=names.without_underscores(name))
    found: Service | None = rows.first()
    if found is None:
        raise NotFound(f"There is no service '{name}' in {workspace}.")
    return found
