"""The events of workspaces, members and tokens."""

from typing import TypedDict

from studio.activity.events import event_type


class Renamed(TypedDict):
    before: str
    after: str


class MemberAdded(TypedDict):
    person: str
    role: str


class RoleChanged(TypedDict):
    before: str
    after: str


class TokenCreated(TypedDict):
    access: str


class InvitationCreated(TypedDict):
    role: str


WORKSPACE_CREATED = event_type(
    "workspace.created", "Workspace created", subject="workspace", sentence="created the workspace {subject}"
)
WORKSPACE_RENAMED = event_type(
    "workspace.renamed",
    "Workspace renamed",
    subject="workspace",
    sentence="renamed the workspace {subject} to {after} (was {before})",
    details=Renamed,
)
MEMBER_ADDED = event_type(
    "member.added", "Member added", subject="membership", sentence="added the member {subject}", details=MemberAdded
)
MEMBER_ROLE_CHANGED = event_type(
    "member.role_changed",
    "Role changed",
    subject="membership",
    sentence="changed the role of {subject} (was {before})",
    details=RoleChanged,
)
MEMBER_REMOVED = event_type(
    "member.removed", "Member removed", subject="membership", sentence="removed the member {subject}"
)
INVITATION_CREATED = event_type(
    "invitation.created",
    "Invitation created",
    subject="invitation",
    sentence="created an invitation for {subject} ({role})",
    details=InvitationCreated,
)
INVITATION_WITHDRAWN = event_type(
    "invitation.withdrawn",
    "Invitation withdrawn",
    subject="invitation",
    sentence="withdrew the invitation for {subject}",
)
TOKEN_CREATED = event_type(
    "token.created",
    "Token created",
    subject="token",
    sentence="created the token {subject} ({access})",
    details=TokenCreated,
)
TOKEN_REVOKED = event_type("token.revoked", "Token revoked", subject="token", sentence="revoked the token {subject}")

# Of the studio's accounts: written in each workspace that the person belongs to.
PASSWORD_LINK_CREATED = event_type(
    "user.password_link_created",
    "Password link created",
    subject="user",
    sentence="created a link with which {subject} chooses a password",
)
PERSON_DEACTIVATED = event_type(
    "user.deactivated", "Person deactivated", subject="user", sentence="deactivated the account of {subject}"
)
PERSON_ACTIVATED = event_type(
    "user.activated", "Person activated", subject="user", sentence="activated the account of {subject}"
)
ADMINISTRATOR_APPOINTED = event_type(
    "user.appointed",
    "Administrator appointed",
    subject="user",
    sentence="made {subject} an administrator of the studio",
)
ADMINISTRATOR_DISMISSED = event_type(
    "user.dismissed",
    "Administrator dismissed",
    subject="user",
    sentence="took the rights of an administrator of the studio from {subject}",
)
