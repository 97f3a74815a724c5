"""Workspaces, members and tokens, as pages."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from studio.accounts.access import SignedInRequest, WorkspaceRequest, workspace_page
from studio.accounts.models import ApiToken, Role
from studio.core.confirmation import Question, ask
from studio.core.errors import SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render
from studio.people import members, tokens
from studio.people.forms import MemberForm, TokenForm, WorkspaceForm, WorkspaceNameForm, status_of
from studio.people.members_page import render_members
from studio.people.settings_tabs import settings_tabs


def workspace_new(request: SignedInRequest) -> HttpResponse:
    members.check_may_create_workspaces(request.user)
    form = WorkspaceForm(request.POST or None)
    if form.is_valid():
        try:
            made = members.create_workspace(request.user, **form.cleaned_data)
            return redirect("workspace_home", workspace=made.slug)
        except SlipwayError as error:
            show(form, error)
    return render(request, "people/workspace_new.html", {"form": form}, status=status_of(form))


@workspace_page(write_role=Role.ADMIN)
def workspace_settings(request: WorkspaceRequest) -> HttpResponse:
    """What the workspace is; its admins rename it."""
    workspace = request.workspace
    form = WorkspaceNameForm(request.POST or None, initial={"name": workspace.name})
    if form.is_valid():
        members.rename_workspace(workspace, name=form.cleaned_data["name"], actor=request.user)
        return redirect("workspace_settings", workspace=workspace.slug)
    return render(
        request, "people/settings.html", settings_tabs(request, "General") | {"form": form}, status=status_of(form)
    )


@workspace_page(write_role=Role.VIEWER)
def token_list(request: WorkspaceRequest) -> HttpResponse:
    """Make a token (the secret is shown in this one answer) and see the live ones."""
    form, secret = TokenForm(request.POST or None), None
    if form.is_valid():
        try:
            _, secret = tokens.create_token(request.user, request.workspace, **form.cleaned_data)
            form = TokenForm()
        except SlipwayError as error:
            show(form, error)
    live = ApiToken.objects.live().filter(workspace=request.workspace).select_related("user")
    if request.role != Role.ADMIN:
        live = live.filter(user=request.user)
    context = settings_tabs(request, "Tokens") | {"form": form, "secret": secret, "tokens": live}
    return render(request, "people/tokens.html", context, status=status_of(form))


@workspace_page(write_role=Role.VIEWER)
def token_revoke(request: WorkspaceRequest, token: int) -> HttpResponse:
    """Ask, then revoke."""
    if request.method != "POST":
        name = tokens.find_token(token, workspace=request.workspace, actor=request.user).name
        question = Question(
            title=f"Revoke the token {name}?",
            text="Programs that use it stop working at once.",
            action="Revoke",
            back=reverse("tokens", kwargs={"workspace": request.workspace.slug}),
        )
        return ask(request, question)
    tokens.revoke_token(token, workspace=request.workspace, actor=request.user)
    messages.success(request, "The token is revoked.")
    return redirect("tokens", workspace=request.workspace.slug)


@workspace_page(write_role=Role.ADMIN)
def member_list(request: WorkspaceRequest) -> HttpResponse:
    form = MemberForm(request.POST or None)
    if form.is_valid():
        try:
            members.add_member(request.workspace, actor=request.user, **form.cleaned_data)
            return redirect("members", workspace=request.workspace.slug)
        except SlipwayError as error:
            show(form, error)
    return render_members(request, form)


@require_POST
@workspace_page(write_role=Role.ADMIN)
def member_change(request: WorkspaceRequest, username: str) -> HttpResponse:
    membership = members.find_member(request.workspace, username)
    try:
        members.change_role(membership, request.POST.get("role", ""), actor=request.user)
    except SlipwayError as error:
        messages.error(request, f"{error.message} {error.hint}")
    return redirect("members", workspace=request.workspace.slug)


@workspace_page(role=Role.ADMIN, write_role=Role.ADMIN)
def member_remove(request: WorkspaceRequest, username: str) -> HttpResponse:
    """Ask, then remove."""
    membership = members.find_member(request.workspace, username)
    if request.method != "POST":
        question = Question(
            title=f"Remove {username} from {request.workspace.name}?",
            text="They no longer see this workspace, and their tokens for it stop working. What they made stays.",
            action="Remove",
            back=reverse("members", kwargs={"workspace": request.workspace.slug}),
        )
        return ask(request, question)
    try:
        members.remove_member(membership, actor=request.user)
    except SlipwayError as error:
        messages.error(request, f"{error.message} {error.hint}")
    return redirect("members", workspace=request.workspace.slug)
