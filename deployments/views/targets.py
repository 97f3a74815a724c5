"""Pages of targets: list, add, look at, change, check, remove."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from deployments.models import Target
from deployments.services import targets
from deployments.services.create import LOCAL
from deployments.targets.kinds import TargetKind, kind_of, kinds
from deployments.views.target_form import PREFIX, TargetForm
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.confirmation import Question, ask
from studio.core.errors import NotFound, SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render
from studio.people.settings_tabs import settings_tabs


@workspace_page
def target_list(request: WorkspaceRequest) -> HttpResponse:
    rows = [
        (target, targets.kind_title(target.kind), targets.service_count(target), targets.last_check(target))
        for target in targets.list_targets(request.workspace)
    ]
    return render(request, "deployments/target_list.html", settings_tabs(request, "Targets") | {"rows": rows})


@workspace_page(role=Role.ADMIN, write_role=Role.ADMIN)
def target_new(request: WorkspaceRequest) -> HttpResponse:
    """Choose a kind (`?kind=`), fill in its settings."""
    chosen = _chosen(request)
    form = TargetForm(request.POST or None, kind=chosen)
    if form.is_valid():
        try:
            name = form.cleaned_data["name"]
            target = targets.add_target(request.workspace, request.user, name, chosen.name, form.settings)
        except SlipwayError as error:
            _show(form, error)
        else:
            messages.success(request, f"The target {target} is added; its connection is being tested.")
            return redirect("target_detail", workspace=request.workspace.slug, name=target.name)
    context = {"form": form, "chosen": chosen, "kinds": kinds()}
    return render(request, "deployments/target_new.html", context, status=422 if form.errors else 200)


@workspace_page(write_role=Role.ADMIN)
def target_detail(request: WorkspaceRequest, name: str) -> HttpResponse:
    """One target; posting changes its settings."""
    target = targets.find_target(request.workspace, name)
    form = _settings_form(request, target)
    if form is not None and form.is_valid():
        try:
            targets.change_settings(target, request.user, form.settings)
        except SlipwayError as error:
            _show(form, error)
        else:
            messages.success(request, "The settings are changed; the connection is being tested.")
            return redirect("target_detail", workspace=request.workspace.slug, name=target.name)
    services = target.services.order_by("name")
    context = {
        "target": target,
        "kind": targets.kind_title(target.kind),
        "check": targets.last_check(target),
        "form": form if form is not None and form.fields else None,
        "settings": targets.shown_settings(target) if form is not None else [],
        "services": services[:100],
        "may_be_removed": target.name != LOCAL and not services,
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "deployments/target_detail.html", context, partial="check", status=status)


@require_POST
@workspace_page
def target_check(request: WorkspaceRequest, name: str) -> HttpResponse:
    targets.check_target(targets.find_target(request.workspace, name), request.user)
    return redirect("target_detail", workspace=request.workspace.slug, name=name)


@workspace_page(role=Role.ADMIN, write_role=Role.ADMIN)
def target_remove(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then remove."""
    target = targets.find_target(request.workspace, name)
    if request.method != "POST":
        question = Question(
            title=f"Remove the target {name}?",
            text="Its settings and secrets are deleted. What runs at the address stays as it is.",
            action="Remove",
            back=reverse("target_detail", kwargs={"workspace": request.workspace.slug, "name": name}),
        )
        return ask(request, question)
    try:
        targets.remove_target(target, request.user)
    except SlipwayError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
        return redirect("target_detail", workspace=request.workspace.slug, name=name)
    messages.success(request, f"The target {name} is removed.")
    return redirect("target_list", workspace=request.workspace.slug)


def _chosen(request: WorkspaceRequest) -> TargetKind:
    """The kind that the address names; else the first that people add."""
    name = request.GET.get("kind")
    return kind_of(name) if name else next((kind for kind in kinds() if kind.name != LOCAL), kinds()[0])


def _settings_form(request: WorkspaceRequest, target: Target) -> TargetForm | None:
    """None for a target whose kind is not installed any more: its settings can only be removed with it."""
    try:
        return TargetForm(request.POST or None, kind=kind_of(target.kind), target=target)
    except NotFound:
        return None


def _show(form: TargetForm, error: SlipwayError) -> None:
    """Beside the field that it is about."""
    if error.field and PREFIX + error.field in form.fields:
        error.field = PREFIX + error.field
    show(form, error)
