"""Creates API tokens, whose secret is shown once, and revokes them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from studio.accounts.models import Access, ApiToken, Role, User, Workspace
from studio.activity.recording import record
from studio.core.errors import BadInput, Forbidden, NotFound
from studio.people.events import TOKEN_CREATED, TOKEN_REVOKED

LONGEST_DAYS = 365


@transaction.atomic
def create_token(
    user: User,
    workspace: Workspace,
    *,
    name: str,
    access: str = Access.READ,
    days: int | None = 90,
    made_with: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which nothing can show again. `days=None` never expires.

    A token that is made with another one expires no later than that, and is revoked with it.
    Raises `Forbidden` when the person or the token may not write themselves, `BadInput` for an unusable name or age.
    """
    if not name.strip() or len(name) > 80:
        raise BadInput("A token needs a name of at most 80 characters.", field="name")
    if access not in Access.values:
        raise BadInput(f"Access is one of {', '.join(Access.values)}.", field="access")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise BadInput(f"A token lives between 1 and {LONGEST_DAYS} days.", field="days")
    if access == Access.WRITE and workspace.role_of(user) not in Role.at_least(Role.CONTRIBUTOR):
        raise Forbidden("A viewer's token may only read.", hint="Choose read access.")
    if made_with is not None:
        _check_parent(made_with, days)
    secret = ApiToken.make_secret()
    token = ApiToken.objects.create(
        user=user,
        workspace=workspace,
        name=name.strip(),
        access=access,
        hint=secret[:8],
        digest=ApiToken.digest_of(secret),
        expires_at=_expiry(days, made_with),
        made_with=made_with,
    )
    record(TOKEN_CREATED, token, workspace=workspace, actor=user, access=access)
    return token, secret


@transaction.atomic
def revoke_token(token_id: int, *, workspace: Workspace, actor: User) -> None:
    """End a token, and what was made with it, at once. People revoke their own; admins of the workspace anybody's."""
    token = find_token(token_id, workspace=workspace, actor=actor)
    _revoke([token], actor)


@transaction.atomic
def revoke_all_tokens(person: User) -> int:
    """End every live token of a person, in all workspaces; how many there were."""
    mine = list(ApiToken.objects.live().filter(user=person).select_related("workspace"))
    _revoke(mine, person)
    return len(mine)


def _check_parent(parent: ApiToken, days: int | None) -> None:
    if parent.access != Access.WRITE:
        raise Forbidden("A reading token cannot make tokens.", hint="Use a token with write access.")
    if days is None:
        raise BadInput(
            "A token cannot make one that never expires.",
            hint="Give a number of days, or make it on the page Settings → Tokens.",
            field="days",
        )


def _expiry(days: int | None, parent: ApiToken | None) -> datetime | None:
    wanted = None if days is None else timezone.now() + timedelta(days=days)
    ends = [moment for moment in (wanted, parent.expires_at if parent else None) if moment]
    return min(ends, default=None)


def _revoke(tokens: Iterable[ApiToken], actor: User) -> None:
    """Revoke the tokens and those that were made with them, and write an event for each."""
    level = list(tokens)
    while level:
        for token in level:
            if ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now()):
                record(TOKEN_REVOKED, token, workspace=token.workspace, actor=actor)
        level = list(ApiToken.objects.filter(made_with__in=level).select_related("workspace"))


def find_token(token_id: int, *, workspace: Workspace, actor: User) -> ApiToken:
    """A token that the person may revoke. Raises `NotFound`."""
    tokens = ApiToken.objects.filter(workspace=workspace, revoked_at__isnull=True)
    if workspace.role_of(actor) != Role.ADMIN:
        tokens = tokens.filter(user=actor)
    token: ApiToken | None = tokens.filter(pk=token_id).select_related("workspace").first()
    if token is None:
        raise NotFound("There is no such token of yours.", hint="It may have been revoked already.")
    return token
