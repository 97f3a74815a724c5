"""Global search: models, versions and services of a workspace by name, tag or `name:number`."""

import re
from typing import Any

from django.http import HttpResponse

from deployments.models import Desired, Service
from registry.models import ModelVersion
from registry.search.search import search_models, search_versions
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Workspace
from studio.core.errors import BadInput
from studio.core.pages import render

ROWS = 8
NAME_AND_NUMBER = re.compile(r"(?P<name>[^\s:=]+):(?P<number>\d{1,9})\Z")


@workspace_page
def search(request: WorkspaceRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    found = find(request.workspace, text) if text else {}
    return render(request, "studio/search.html", {"search_query": text, **found})


def find(workspace: Workspace, text: str) -> dict[str, Any]:
    """`models`, `versions`, `services`: a few rows each; `error` when the text is no filter the registry can read."""
    services = list(_services(workspace, text))
    try:
        models, versions = _in_registry(workspace, text)
    except BadInput as error:
        return {"models": [], "versions": [], "services": services, "error": error}
    return {
        "models": models,
        "versions": versions,
        "services": services,
        "nothing": not (models or versions or services),
    }


def _in_registry(workspace: Workspace, text: str) -> tuple[list, list]:
    exact = NAME_AND_NUMBER.match(text)
    if exact:
        versions = ModelVersion.objects.in_workspace(workspace).filter(
            model__name__icontains=exact["name"], number=exact["number"]
        )
        return [], list(versions.select_related("model").prefetch_related("tags")[:ROWS])
    return list(search_models(workspace, text)[:ROWS]), list(search_versions(workspace, text)[:ROWS])


def _services(workspace: Workspace, text: str) -> list[Service]:
    rows = Service.objects.in_workspace(workspace).exclude(desired=Desired.DELETED).filter(name__icontains=text)
    return list(rows.order_by("name")[:ROWS])
