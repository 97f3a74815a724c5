"""Who may do what: the one check that pages and REST share."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeAlias, cast, overload

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_htmx.middleware import HtmxDetails

from studio.accounts.models import Access, ApiToken, Role, User, Workspace
from studio.core.errors import Forbidden, NotFound

P = ParamSpec("P")


class SignedInRequest(HttpRequest):
    """What every page gets that asks for sign-in: the middleware let nobody else through. For annotations only."""

    user: User
    htmx: HtmxDetails


class WorkspaceRequest(SignedInRequest):
    """What `workspace_page` hands to its page. For annotations only."""

    workspace: Workspace
    role: str


Page: TypeAlias = Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]


class Guarded(Protocol[P]):
    """A page behind its check, with the roles that this check asks for."""

    required_roles: dict[str, str]

    def __call__(
        self, request: SignedInRequest, workspace: str, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase: ...


def enter(user: User, slug: str, *, role: str, token: ApiToken | None = None) -> tuple[Workspace, str]:
    """The workspace and the role that the person acts in there, if they may act as `role`.

    Through a reading token everybody acts as a viewer.
    Raises `NotFound` for a workspace they cannot see (who is no member learns nothing of its existence) and
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
    if token is None or token.access != Access.READ:
        return workspace, held
    if role != Role.VIEWER:
        raise Forbidden("This token may only read.", hint="Make a token with write access under Settings → Tokens.")
    return workspace, Role.VIEWER


@overload
def workspace_page(view: Page[P], *, role: str = ..., write_role: str = ...) -> Guarded[P]: ...
@overload
def workspace_page(*, role: str = ..., write_role: str = ...) -> Callable[[Page[P]], Guarded[P]]: ...
def workspace_page(
    view: Page[P] | None = None, *, role: str = Role.VIEWER, write_role: str = Role.CONTRIBUTOR
) -> Guarded[P] | Callable[[Page[P]], Guarded[P]]:
    """Decorate a page below `/w/<workspace>/`: sets `request.workspace` and `request.role`.

    Reading needs `role`, every other method `write_role`. The view itself does not take the slug.
    """

    def decorate(inner: Page[P]) -> Guarded[P]:
        @wraps(inner)
        def guarded(request: SignedInRequest, workspace: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            reads = request.method in {"GET", "HEAD", "OPTIONS"}
            page = cast(WorkspaceRequest, request)  # which the next line makes it
            page.workspace, page.role = enter(
                request.user, workspace, role=role if reads else max_role(role, write_role)
            )
            return inner(page, *args, **kwargs)

        result = cast(Guarded[P], guarded)
        result.required_roles = {"read": role, "write": max_role(role, write_role)}  # for the permission tests
        return result

    return decorate(view) if view else decorate


def max_role(first: str, second: str) -> str:
    """The stricter of two roles."""
    return max(first, second, key=list(Role.values).index)
