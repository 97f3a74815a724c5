"""Invitations: a link lets one person into a workspace, once they accept it.

Whoever invites learns nothing of which people there are, and nobody becomes a member unasked.
"""

import secrets
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from studio.accounts.models import Invitation, Membership, Role, User, Workspace
from studio.activity.recording import record
from studio.core.errors import BadInput, Conflict, Forbidden, NotFound
from studio.core.secrets import digest_of
from studio.people import events
from studio.people.members import checked_role
from studio.people.user_accounts import create_account

DAYS = 7  # an invitation is open for that long
MAX_NOTE = 80  # characters


@transaction.atomic
def create_invitation(workspace: Workspace, *, role: str, note: str = "", actor: User) -> tuple[Invitation, str]:
    """An invitation and the secret of its link, which nothing can show again. Raises `BadInput`."""
    if len(note) > MAX_NOTE:
        raise BadInput(f"A note has at most {MAX_NOTE} characters.", field="note")
    secret = secrets.token_urlsafe(32)
    made = Invitation.objects.create(
        workspace=workspace,
        role=checked_role(role),
        note=note.strip(),
        digest=digest_of(secret),
        invited_by=actor,
        expires_at=timezone.now() + timedelta(days=DAYS),
    )
    record(events.INVITATION_CREATED, made, workspace=workspace, actor=actor, role=role)
    return made, secret


@transaction.atomic
def withdraw_invitation(invitation_id: int, *, workspace: Workspace, actor: User) -> None:
    """The link leads nowhere any more. Raises `NotFound`."""
    found = workspace.invitations.filter(pk=invitation_id).first()
    if found is None:
        raise NotFound("There is no such invitation.", hint="It may have been accepted or withdrawn already.")
    record(events.INVITATION_WITHDRAWN, found, workspace=workspace, actor=actor)
    found.delete()


def find_invitation(secret: str) -> Invitation:
    """The open invitation behind a link. Raises `NotFound`, also when the inviter may no longer invite."""
    rows = Invitation.objects.open().select_related("workspace", "invited_by")
    found = rows.filter(digest=digest_of(secret)).first()
    if found is None or not found.invited_by.is_active or found.workspace.role_of(found.invited_by) != Role.ADMIN:
        raise NotFound(
            "This invitation is not open any more: it was accepted or withdrawn, or it has expired.",
            hint="Ask the person who sent it for another one.",
        )
    return found


def offers_account(invitation: Invitation) -> bool:
    """Whether people without an account may make one with it: administrators of the studio decide who has one."""
    return invitation.invited_by.is_superuser


@transaction.atomic
def accept_invitation(invitation: Invitation, person: User) -> Membership:
    """Make the person a member. Raises `Conflict` when they are one, or somebody else was faster."""
    if not Invitation.objects.open().filter(pk=invitation.pk).delete()[0]:
        raise Conflict("This invitation has been accepted or withdrawn a moment ago.")
    workspace = invitation.workspace
    membership, is_new = Membership.objects.get_or_create(
        workspace=workspace, user=person, defaults={"role": invitation.role}
    )
    if not is_new:
        raise Conflict(f"You are a member of {workspace.name} already, as {membership.role}.")
    name, role = person.get_username(), invitation.role
    record(events.MEMBER_ADDED, membership, workspace=workspace, actor=person, person=name, role=role)
    return membership


@transaction.atomic
def accept_with_new_account(invitation: Invitation, *, username: str, password: str) -> User:
    """Make an account and the person a member. Raises `Forbidden`, and `BadInput` naming the field at fault."""
    if not offers_account(invitation):
        raise Forbidden("This invitation is for people who have an account.", hint="Sign in, then open it again.")
    try:
        validate_password(password, User(username=username.strip()))
    except ValidationError as reason:
        raise BadInput(" ".join(reason.messages), field="password") from reason
    person = create_account(username, password=password)
    accept_invitation(invitation, person)
    return person
