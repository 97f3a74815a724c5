"""The page of members and invitations, which two views show."""

from django.forms import BaseForm
from django.http import HttpResponse

from studio.accounts.access import WorkspaceRequest
from studio.accounts.models import Role, User
from studio.core.pages import render
from studio.people.forms import InvitationForm, MemberForm, status_of
from studio.people.settings_tabs import settings_tabs


def render_members(request: WorkspaceRequest, form: BaseForm | None = None, *, link: str = "") -> HttpResponse:
    """`form` is the one that was sent, if any; `link` is that of a new invitation, shown in this one answer."""
    workspace, is_invitation = request.workspace, isinstance(form, InvitationForm)
    context = settings_tabs(request, "Members") | {
        "memberships": workspace.memberships.select_related("user").order_by("user__username"),
        "administrators": _administrators(request),
        "roles": Role.choices,
        "member_form": form if isinstance(form, MemberForm) else MemberForm(),
        "invitation_form": form if is_invitation else InvitationForm(),
        "invitations": workspace.invitations.open().select_related("invited_by"),
        "link": link,
    }
    return render(request, "people/members.html", context, status=status_of(form) if form else 200)


def _administrators(request: WorkspaceRequest) -> list[User]:
    """Administrators of the studio, who are admins here without being members."""
    everywhere = User.objects.filter(is_superuser=True, is_active=True)
    return list(everywhere.exclude(memberships__workspace=request.workspace).order_by("username"))
