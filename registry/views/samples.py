"""One button that fills an empty workspace with real models."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from registry.versions import samples
from studio.accounts.access import WorkspaceRequest, workspace_page


@workspace_page
@require_POST
def add_samples(request: WorkspaceRequest) -> HttpResponse:
    added = samples.add(request.workspace, request.user)
    names = ", ".join(str(version) for version in added)
    messages.success(request, f"Added {names}." if added else "The samples are here already.")
    return redirect("model_list", workspace=request.workspace.slug)
