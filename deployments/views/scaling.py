"""The card Scaling on a service's page: the number is changed in place."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from deployments.errors import BadDeploymentConfig
from deployments.services.queries import find
from deployments.services.scaling import change_scaling
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.core.errors import SlipwayError


@require_POST
@workspace_page
def service_scale(request: WorkspaceRequest, name: str) -> HttpResponse:
    """A refusal is told at the top of the page."""
    service = find(request.workspace, name)
    try:
        figures = {} if request.POST.get("reset") else _figures(request.POST)
        change_scaling(service, request.user, figures, reason=request.POST.get("reason", "")[:2000])
    except SlipwayError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
    else:
        messages.success(request, f"The number of replicas of {name} is changed.")
    return redirect(reverse("service_detail", args=[service.workspace.slug, service.name]))


def _figures(form: QueryDict) -> dict[str, Any]:
    most = _whole(form, "max_replicas")
    if form.get("mode") == "fixed":
        return {"replicas": most}
    return {"min_replicas": _whole(form, "min_replicas"), "max_replicas": most}


def _whole(form: QueryDict, field: str) -> int:
    text = str(form.get(field, "")).strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadDeploymentConfig(f"'{text[:50]}' is no number of replicas.", hint="For example: 2.", field=field)
    return int(text)
