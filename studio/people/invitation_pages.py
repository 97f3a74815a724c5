"""Invitations as pages: those of a workspace's admins, and the one that a link leads to."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Invitation, Role, User
from studio.core.errors import SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render
from studio.people import invitations
from studio.people.forms import InvitationForm, NewAccountForm, status_of
from studio.people.members_page import render_members

BACKEND = "django.contrib.auth.backends.ModelBackend"


@require_POST
@workspace_page(write_role=Role.ADMIN)
def invitation_new(request: WorkspaceRequest) -> HttpResponse:
    """Create an invitation; its link is shown in this one answer."""
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return render_members(request, form)
    _, secret = invitations.create_invitation(request.workspace, actor=request.user, **form.cleaned_data)
    return render_members(request, link=request.build_absolute_uri(reverse("invitation", args=[secret])))


@require_POST
@workspace_page(write_role=Role.ADMIN)
def invitation_withdraw(request: WorkspaceRequest, invitation: int) -> HttpResponse:
    invitations.withdraw_invitation(invitation, workspace=request.workspace, actor=request.user)
    messages.success(request, "The invitation is withdrawn.")
    return redirect("members", workspace=request.workspace.slug)


@login_not_required
@never_cache
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Where a link leads: accept, after signing in or with a new account."""
    found = invitations.find_invitation(secret)
    person = request.user
    if not isinstance(person, User):
        return _with_new_account(request, found)
    if request.method == "POST":
        invitations.accept_invitation(found, person)
        return redirect("workspace_home", workspace=found.workspace.slug)
    return render(request, "people/invitation.html", {"invitation": found})


def _with_new_account(request: HttpRequest, found: Invitation) -> HttpResponse:
    form = NewAccountForm(request.POST or None)
    if form.is_valid():
        try:
            login(request, invitations.accept_with_new_account(found, **form.cleaned_data), backend=BACKEND)
            return redirect("workspace_home", workspace=found.workspace.slug)
        except SlipwayError as error:
            show(form, error)
    context = {"invitation": found, "form": form if invitations.offers_account(found) else None}
    return render(request, "people/invitation.html", context, status=status_of(form))
