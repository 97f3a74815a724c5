"""The panel of a model version's page that lists where the version is deployed."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from deployments.models import RevisionModel
from registry.versions.registration import find_version
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.core.pages import render


@workspace_page
@require_safe
def version_revisions(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    """Every revision that holds the version, newest first."""
    version = find_version(request.workspace, f"{name}:{number}")
    uses = RevisionModel.objects.filter(version=version)
    uses = uses.select_related("revision__service", "revision__created_by").order_by("-revision_id")
    context = {"version": version, "uses": list(uses)}
    return render(request, "deployments/version_revisions.html", context, partial="revisions")
