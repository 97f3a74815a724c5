"""The tabs that the pages of a workspace's settings share."""

from typing import Any

from django.urls import reverse

from studio.accounts.access import WorkspaceRequest

TABS = {"General": "workspace_settings", "Members": "members", "Tokens": "tokens", "Targets": "target_list"}


def settings_tabs(request: WorkspaceRequest, current: str) -> dict[str, Any]:
    """The context of the tabs. Pages of other apps are named by their address, not imported."""
    slug = request.workspace.slug
    return {
        "tabs": [
            {"label": label, "url": reverse(name, args=[slug]), "current": label == current}
            for label, name in TABS.items()
        ]
    }
