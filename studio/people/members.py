"""Workspaces and who belongs to them."""

from django.db import IntegrityError, transaction

from studio.accounts.models import Membership, Role, User, Workspace
from studio.activity.recording import record
from studio.core.errors import BadInput, Conflict, Forbidden, NotFound
from studio.people import events


def check_may_create_workspaces(person: User) -> None:
    """Raises `Forbidden`."""
    if not person.may_create_workspaces:
        raise Forbidden(
            "Only administrators of the studio create workspaces.",
            hint="Ask one of them for a workspace, or to set SLIPWAY_WORKSPACES_BY=everybody.",
        )


def create_workspace(actor: User, *, slug: str, name: str) -> Workspace:
    """A new workspace whose maker is its admin. Raises `Forbidden`, and `Conflict` when the name is taken."""
    check_may_create_workspaces(actor)
    try:
        with transaction.atomic():
            workspace = Workspace.objects.create(slug=slug, name=name or slug)
            Membership.objects.create(workspace=workspace, user=actor, role=Role.ADMIN)
            record(events.WORKSPACE_CREATED, workspace, workspace=workspace, actor=actor)
    except IntegrityError as taken:
        raise Conflict(f"A workspace '{slug}' exists already.", hint="Choose another name.", field="slug") from taken
    return workspace


@transaction.atomic
def rename_workspace(workspace: Workspace, *, name: str, actor: User) -> None:
    """Another name for people to read; the address stays. Raises `BadInput`."""
    if not name.strip():
        raise BadInput("A workspace has a name.", field="name")
    before, workspace.name = workspace.name, name.strip()
    if workspace.name != before:
        workspace.save(update_fields=["name"])
        record(
            events.WORKSPACE_RENAMED,
            workspace,
            workspace=workspace,
            actor=actor,
            before=before,
            after=workspace.name,
        )


@transaction.atomic
def add_member(workspace: Workspace, *, username: str, role: str, actor: User) -> Membership:
    """Let somebody in by their name, unasked. Raises `NotFound` for an unknown person and `Conflict` for a member.

    Only for administrators of the studio, who see everybody's names anyway; others get `Forbidden`.
    """
    if not actor.is_superuser:
        raise Forbidden(
            "Only administrators of the studio add people by name.",
            hint="Create an invitation and send its link to the person, who then accepts it.",
        )
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None:
        raise NotFound(
            f"Nobody is called '{username}' here.",
            hint="Add the person under Settings → People first.",
            field="username",
        )
    membership, is_new = Membership.objects.get_or_create(
        workspace=workspace, user=person, defaults={"role": checked_role(role)}
    )
    if not is_new:
        raise Conflict(f"{username} is a member already.", hint="Change the role instead.", field="username")
    record(events.MEMBER_ADDED, membership, workspace=workspace, actor=actor, person=username, role=role)
    return membership


@transaction.atomic
def change_role(membership: Membership, role: str, *, actor: User) -> None:
    """Raises `Conflict` when it would leave the workspace without an admin."""
    if checked_role(role) != Role.ADMIN:
        _must_not_be_last_admin(membership)
    Membership.objects.filter(pk=membership.pk).update(role=role)
    record(
        events.MEMBER_ROLE_CHANGED,
        membership,
        workspace=membership.workspace,
        actor=actor,
        before=membership.role,
        after=role,
    )
    membership.role = role


@transaction.atomic
def remove_member(membership: Membership, *, actor: User) -> None:
    """Raises `Conflict` for the last admin."""
    _must_not_be_last_admin(membership)
    record(events.MEMBER_REMOVED, membership, workspace=membership.workspace, actor=actor)
    membership.delete()


def find_member(workspace: Workspace, username: str) -> Membership:
    found = workspace.memberships.select_related("user", "workspace").filter(user__username=username).first()
    if found is None:
        raise NotFound(f"{username} is not a member of {workspace}.")
    return found


def checked_role(role: str) -> str:
    if role not in Role.values:
        raise BadInput(f"A role is one of {', '.join(Role.values)}.", field="role")
    return role


def _must_not_be_last_admin(membership: Membership) -> None:
    if membership.role != Role.ADMIN:
        return
    others = membership.workspace.memberships.filter(role=Role.ADMIN).exclude(pk=membership.pk)
    if not others.exists():
        raise Conflict(
            f"{membership.user} is the only admin of {membership.workspace}.", hint="Make somebody else admin first."
        )
