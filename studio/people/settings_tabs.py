"""The tabs that the pages of settings share: those of a workspace, and for administrators the people of the studio."""

from typing import Any

from django.urls import reverse

from studio.accounts.access import SignedInRequest, WorkspaceRequest
from studio.accounts.models import Workspace

TABS = {
    "General": "workspace_settings",
    "Members": "members",
    "Tokens": "tokens",
    "Targets": "target_list",
    "Registries": "registry_list",
}


def settings_tabs(request: WorkspaceRequest, current: str) -> dict[str, Any]:
    """The context of the tabs. Pages of other apps are named by their address, not imported."""
    return tabs_of(request, request.workspace, current)


def tabs_of(request: SignedInRequest, workspace: Workspace | None, current: str) -> dict[str, Any]:
    """The same for a page that belongs to no workspace: `workspace` is the one that the other tabs lead to."""
    urls = {label: reverse(name, args=[workspace.slug]) for label, name in TABS.items()} if workspace else {}
    if request.user.is_superuser:
        urls["People"] = reverse("people")
    return {"tabs": [{"label": label, "url": url, "current": label == current} for label, url in urls.items()]}
