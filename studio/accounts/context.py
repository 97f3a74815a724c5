"""What the page frame needs to know on every page."""

from typing import Any

from django.http import HttpRequest

from studio.accounts.models import Role, Workspace


def workspace(request: HttpRequest) -> dict[str, Any]:
    """`workspace` (or None), `workspaces` to switch to, `may_write` and `may_administer` here."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"workspace": None, "workspaces": []}
    role = getattr(request, "role", None)
    return {
        "workspace": getattr(request, "workspace", None),
        "workspaces": Workspace.objects.visible_to(user),
        "role": role,
        "may_write": role in Role.at_least(Role.CONTRIBUTOR),
        "may_administer": role == Role.ADMIN,
    }
