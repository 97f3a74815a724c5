"""Pages of environments: list, define, look at."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from registry.environments import built, environments, interpreters
from registry.environments.lock_files import packages_of, read_tail
from registry.environments.paths import CURATED_HASH, environment_log_path
from registry.models import Environment
from registry.views.environment_form import EnvironmentForm
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.activity.models import Event
from studio.activity.operations import fold
from studio.core.confirmation import Question, unless_refused
from studio.core.errors import SlipwayError
from studio.core.pages import render
from studio.core.templatetags.slipway import ago

PAGE = 25
TABS = {"overview": "Overview", "packages": "Packages", "log": "Build log", "activity": "Activity"}


@workspace_page
def environment_list(request: WorkspaceRequest) -> HttpResponse:
    """The newest version of every environment."""
    environments.curated(request.workspace)
    rows = Environment.objects.in_workspace(request.workspace).registered()
    newest = rows.filter(name=OuterRef("name")).order_by("-number").values("number")[:1]
    shown = rows.filter(number=Subquery(newest)).annotate(users=Count("inferenceconfig")).select_related("created_by")
    page = Paginator(shown.order_by("name"), PAGE).get_page(request.GET.get("page"))
    states = [(environment, *built.state_of(environment)) for environment in built.with_built(page)]
    context = {"page": page, "states": states, "has_own": any(not row.is_curated for row, *_ in states)}
    return render(request, "registry/environment_list.html", context)


@workspace_page(role=Role.CONTRIBUTOR)
def environment_new(request: WorkspaceRequest) -> HttpResponse:
    """Define a new version; `?from=name:2` starts from an existing one."""
    sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = EnvironmentForm(*sent, initial=_start(request), installed=interpreters.installed())
    if request.method == "POST" and form.is_valid():
        try:
            environment = environments.define(workspace=request.workspace, actor=request.user, **form.facts())
        except SlipwayError as error:
            form.show(error)
        else:
            messages.success(request, f"{environment} is defined. The first deployment that needs it makes it.")
            return redirect(
                "environment_detail",
                workspace=request.workspace.slug,
                name=environment.name,
                number=environment.number,
            )
    return render(request, "registry/environment_new.html", {"form": form}, status=422 if form.errors else 200)


@workspace_page
def environment_detail(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    environment = environments.find(request.workspace, f"{name}:{number}")
    state, tone = built.state_of(environment)
    tab = request.GET["tab"] if request.GET.get("tab") in TABS else "overview"
    context = {
        "environment": environment,
        "state": state,
        "tone": tone,
        "tab": tab,
        "tabs": [{"url": f"?tab={key}", "label": label, "current": key == tab} for key, label in TABS.items()],
        "warnings": environments.warnings_of(environment),
        "needs_no_build": environment.definition_hash == CURATED_HASH,
        **_panel(environment, tab),
    }
    return render(request, "registry/environment_detail.html", context, partial="log" if tab == "log" else "state")


@workspace_page(role=Role.CONTRIBUTOR)
def environment_delete(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    """Ask, or say what uses it; then delete."""
    environment = environments.find(request.workspace, f"{name}:{number}")
    question = Question(
        title=f"Delete {environment}?",
        text="Its definition and its list of locked packages are removed for good. Nothing uses it. The number "
        f"{number} is never reused.",
        action=f"Delete {environment}",
        back=reverse("environment_detail", args=[request.workspace.slug, name, number]),
    )
    answer = unless_refused(
        request,
        question,
        check=lambda: environments.check_deletable(environment),
        act=lambda: environments.delete(environment, request.user),
    )
    if answer is not None:
        return answer
    messages.success(request, f"{name}:{number} is deleted.")
    return redirect("environment_list", workspace=request.workspace.slug)


def _panel(environment: Environment, tab: str) -> dict[str, Any]:
    """What the chosen tab needs, and no more."""
    if tab == "packages":
        return {"packages": packages_of(environment.lock)}
    if tab == "log":
        return {"log": read_tail(environment_log_path(environment.definition_hash))}
    if tab == "activity":
        events = Event.objects.in_workspace(environment.workspace)
        return {"operations": fold(events.filter(subject_type="environment", subject_id=str(environment.pk))[:100])}
    configs = environment.inferenceconfig_set.annotate(revision_count=Count("revisions")).order_by("name", "-number")
    others = Environment.objects.in_workspace(environment.workspace).filter(name=environment.name)
    return {
        "configs": configs[:100],
        "others": others.exclude(pk=environment.pk)[:50],
        "requirements": "\n".join(environment.requirements),
        "facts": _facts(environment),
    }


def _facts(environment: Environment) -> dict[str, Any]:
    return {
        "Python": environment.python_version,
        "Packages": len(packages_of(environment.lock)) or None,
        "Hash": environment.definition_hash[:12],
        "Created by": environment.created_by or "Slipway",
        "Created": ago(environment.created_at),
    }


def _start(request: WorkspaceRequest) -> dict[str, str]:
    initial = {"python_version": interpreters.own().minor, "name": request.GET.get("name", "")}
    if reference := request.GET.get("from"):
        source = environments.find(request.workspace, reference)
        initial |= {"name": source.name, "python_version": source.python_version}
        initial["requirements"] = "\n".join(source.requirements)
    return initial
