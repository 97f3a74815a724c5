"""Who may do what: the one check that pages and REST share."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from studio.accounts.models import Access, ApiToken, Role, User, Workspace
from studio.core.errors import Forbidden, NotFound


def enter(user: User, slug: str, *, role: str, token: ApiToken | None = None) -> tuple[Workspace, str]:
    """The workspace and the person's role there, if they may act as `role` in it.

    Raises `NotFound` for a workspace they cannot see (a stranger learns nothing of its existence) and
    `Forbidden` when their role, or the token they came with, allows less than `role`.
    """
    workspace = Workspace.objects.visible_to(user).filter(slug=slug).first()
    if workspace is None or (token is not None and token.workspace_id != workspace.pk):
        raise NotFound(f"There is no workspace '{slug}' that you can see.")
    held = workspace.role_of(user) or Role.VIEWER
    if held not in Role.at_least(role):
        raise Forbidden(
            f"This needs the role {role}; you are {held} in {slug}.",
            hint="Ask an admin of the workspace to change your role under Settings → Members.",
        )
    if token is not None and token.access == Access.READ and role != Role.VIEWER:
        raise Forbidden("This token may only read.", hint="Make a token with write access under Settings → Tokens.")
    return workspace, held


def workspace_page(
    view: Callable[..., HttpResponse] | None = None, *, role: str = Role.VIEWER, write_role: str = Role.CONTRIBUTOR
) -> Any:
    """Decorate a page below `/w/<workspace>/`: sets `request.workspace` and `request.role`.

    Reading needs `role`, every other method `write_role`. The view itself does not take the slug.
    """

    def decorate(inner: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(inner)
        def guarded(request: HttpRequest, workspace: str, *args: Any, **kwargs: Any) -> HttpResponse:
            reads = request.method in {"GET", "HEAD", "OPTIONS"}
            found, held = enter(request.user, workspace, role=role if reads else max_role(role, write_role))
            request.workspace, request.role = found, held
            return inner(request, *args, **kwargs)

        guarded.required_roles = {"read": role, "write": max_role(role, write_role)}  # for the permission tests
        return guarded

    return decorate(view) if view else decorate


def max_role(first: str, second: str) -> str:
    """The stricter of two roles."""
    return max(first, second, key=list(Role.values).index)
