"""Find services: by name, and with everything their description needs in a bounded number of queries."""

from django.db.models import Prefetch, QuerySet

from deployments.control.facts import with_facts
from deployments.models import RevisionModel, Rollout, Service
from deployments.services import names
from studio.accounts.models import Workspace
from studio.core.errors import NotFound


def find(workspace: Workspace, name: str) -> Service:
    """The service of that name, in which '_' counts as '-'. Raises `NotFound`."""
    rows = with_details(Service.objects.in_workspace(workspace))
    service = rows.filter(name=names.without_underscores(name)).first()
    if service is None:
        raise NotFound(
            f"There is no service '{name}' in {workspace}.", hint="Names are listed under Services; it may be deleted."
        )
    return service


def with_details(rows: QuerySet[Service]) -> QuerySet[Service]:
    """`rows` with what their state depends on, the rollout under way and the models of the wanted revision, read once
    for all."""
    rollouts = Rollout.objects.filter(ended_at=None).select_related("created_by")
    uses = RevisionModel.objects.select_related("version__model").order_by("version__model__name")
    rows = rows.prefetch_related(Prefetch("rollouts", rollouts, to_attr="running_rollouts"))
    return with_facts(rows, Prefetch("models", uses))
