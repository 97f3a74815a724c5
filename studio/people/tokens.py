"""Creates API tokens, whose secret is shown once, and revokes them."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from studio.accounts.models import Access, ApiToken, Role, User, Workspace
from studio.activity.recording import record
from studio.core.errors import BadInput, Forbidden, NotFound
from studio.people.events import TOKEN_CREATED, TOKEN_REVOKED

LONGEST_DAYS = 365


@transaction.atomic
def create_token(
    user: User, workspace: Workspace, *, name: str, access: str = Access.READ, days: int | None = 90
) -> tuple[ApiToken, str]:
    """A new token and its secret, which nothing can show again. `days=None` never expires.

    Raises `Forbidden` when the person may not write themselves, `BadInput` for an unusable name or age.
    """
    if not name.strip() or len(name) > 80:
        raise BadInput("A token needs a name of at most 80 characters.", field="name")
    if access not in Access.values:
        raise BadInput(f"Access is one of {', '.join(Access.values)}.", field="access")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise BadInput(f"A token lives between 1 and {LONGEST_DAYS} days.", field="days")
    if access == Access.WRITE and workspace.role_of(user) not in Role.at_least(Role.CONTRIBUTOR):
        raise Forbidden("A viewer's token may only read.", hint="Choose read access.")
    secret = ApiToken.make_secret()
    token = ApiToken.objects.create(
        user=user,
        workspace=workspace,
        name=name.strip(),
        access=access,
        hint=secret[:8],
        digest=ApiToken.digest_of(secret),
        expires_at=None if days is None else timezone.now() + timedelta(days=days),
    )
    record(TOKEN_CREATED, token, workspace=workspace, actor=user, access=access)
    return token, secret


@transaction.atomic
def revoke_token(token_id: int, *, workspace: Workspace, actor: User) -> None:
    """End a token at once. People revoke their own; admins of the workspace revoke anybody's."""
    tokens = ApiToken.objects.filter(workspace=workspace, revoked_at__isnull=True)
    if workspace.role_of(actor) != Role.ADMIN:
        tokens = tokens.filter(user=actor)
    token = tokens.filter(pk=token_id).first()
    if token is None:
        raise NotFound("There is no such token of yours.", hint="It may have been revoked already.")
    ApiToken.objects.filter(pk=token.pk).update(revoked_at=timezone.now())
    record(TOKEN_REVOKED, token, workspace=workspace, actor=actor)
