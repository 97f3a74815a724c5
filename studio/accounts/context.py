"""What the page frame needs to know on every page."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from studio.accounts.models import Role, Workspace


def workspace(request: HttpRequest) -> dict[str, Any]:
    """`workspace` (or None), `workspaces` to switch to, `may_write`, `may_administer` here, and
    `may_create_workspaces`.

    `here` is the workspace that the frame links to: the page's own, or the one used last.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"workspace": None, "workspaces": []}
    role = getattr(request, "role", None)
    mine = Workspace.objects.visible_to(user)
    workspace = getattr(request, "workspace", None)
    return {
        "workspace": workspace,
        "here": workspace or SimpleLazyObject(lambda: last_used(request, mine)),
        "workspaces": mine,
        "role": role,
        "may_write": role in Role.at_least(Role.CONTRIBUTOR),
        "may_administer": role == Role.ADMIN,
        "may_create_workspaces": user.may_create_workspaces,
    }


def last_used(request: HttpRequest, mine: QuerySet[Workspace]) -> Workspace | None:
    """The workspace the person looked at last, else their first."""
    return mine.filter(slug=request.session.get("workspace", "")).first() or mine.first()
