"""The panel of a model's page that lists the services which run it, with their addresses."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from deployments.models import Service
from deployments.services.describe import call_address_of
from deployments.services.queries import with_details
from registry.models import Model, UseKind, VersionUse
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.core.pages import render

MOST = 20  # services; the list of services has them all


@workspace_page
@require_safe
def model_services(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Services that serve a version of the model now, with state, version and address."""
    model = get_object_or_404(Model.objects.in_workspace(request.workspace), name=name)
    uses = VersionUse.objects.filter(version__model=model, kind=UseKind.SERVICE, serving=True).select_related("version")
    versions = {use.user_id: use.version for use in uses}
    services = with_details(Service.objects.in_workspace(request.workspace).filter(pk__in=versions)).order_by("name")
    rows = [(service, versions[service.pk], call_address_of(service)) for service in services[:MOST]]
    return render(request, "deployments/model_services.html", {"model": model, "rows": rows}, partial="services")
