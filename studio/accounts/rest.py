"""Base of every REST view below `/api/v1/workspaces/<workspace>/`."""

from typing import Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from studio.accounts.access import enter
from studio.accounts.models import Access, ApiToken, Role, User, Workspace
from studio.core.errors import Forbidden
from studio.core.strict_fields import refuse_fields


def person_of(request: Request) -> User:
    """Who makes the call; raises `NotAuthenticated` when nobody is signed in."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


class InWorkspace:
    """Mix in before a DRF view class: checks the role first and sets `self.person`, `self.workspace` and `self.role`.

    Safe methods need `read_role`, all others `write_role`; `action_roles` overrides by viewset action. A body with
    fields is refused for `actions_without_fields`.
    """

    read_role: str = Role.VIEWER
    write_role: str = Role.CONTRIBUTOR
    action_roles: dict[str, str] = {}
    actions_without_fields: frozenset[str] = frozenset()
    kwargs: dict[str, Any]  # of the address; the view class has them
    person: User
    workspace: Workspace
    role: str

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        token = request.auth if isinstance(request.auth, ApiToken) else None
        self.person = person_of(request)
        self.workspace, self.role = enter(
            self.person, self.kwargs["workspace"], role=self.required_role(request), token=token
        )
        if getattr(self, "action", None) in self.actions_without_fields:
            refuse_fields(request.data)

    def required_role(self, request: Request) -> str:
        action = getattr(self, "action", None)
        if action in self.action_roles:
            return self.action_roles[action]
        return self.read_role if request.method in {"GET", "HEAD", "OPTIONS"} else self.write_role


class ForAdministrators:
    """Mix in before a DRF view class below `/api/v1/admin/`: only superusers get further, and set `self.person`.

    Through a reading token they only read.
    """

    person: User

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        self.person = person_of(request)
        if not self.person.is_superuser:
            raise Forbidden(
                "This is for administrators of the whole studio.", hint="Ask the person who runs this studio."
            )
        reads_only = isinstance(request.auth, ApiToken) and request.auth.access == Access.READ
        if reads_only and request.method not in {"GET", "HEAD", "OPTIONS"}:
            raise Forbidden("This token may only read.", hint="Make a token with write access under Settings → Tokens.")
