"""Find services: by name, and with everything their description needs in a bounded number of queries."""

from django.db.models import F, Prefetch, QuerySet

from deployments.models import Build, Revision, RevisionModel, Service, Traffic
from studio.accounts.models import Workspace
from studio.core.errors import NotFound


def find(workspace: Workspace, name: str) -> Service:
    """The service of that name. Raises `NotFound`."""
    service = with_details(Service.objects.in_workspace(workspace)).filter(name=name).first()
    if service is None:
        raise NotFound(
            f"There is no service '{name}' in {workspace}.", hint="Names are listed under Services; it may be deleted."
        )
    return service


def with_details(rows: QuerySet[Service]) -> QuerySet[Service]:
    """`rows` with their newest revision, its models and builds, and their traffic, read once for all."""
    uses = Prefetch("models", RevisionModel.objects.select_related("version__model").order_by("version__model__name"))
    newest = (
        Revision.objects.filter(number=F("service__last_revision"))
        .select_related("config__environment", "created_by")
        .prefetch_related(uses, Prefetch("builds", Build.objects.order_by("-id")))
    )
    shares = Traffic.objects.filter(percent=100).select_related("revision__config__environment")
    return rows.select_related("target", "workspace", "created_by").prefetch_related(
        Prefetch("revisions", newest, to_attr="newest_revisions"), Prefetch("traffic", shares, to_attr="full_shares")
    )
