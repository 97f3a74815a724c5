"""Pages of environments: list, define, look at."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from registry.environments import built, definition_yaml, environments, interpreters, private_wheels, requests
from registry.environments.differences import differences
from registry.environments.lock_files import packages_of, read_tail
from registry.environments.paths import CURATED_HASH, environment_log_path
from registry.models import BuiltEnvironment, Environment
from registry.models.environment import CURATED_PREFIX
from registry.views.definition_form import START, DefinitionForm
from registry.views.environment_form import EnvironmentForm
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role, Workspace
from studio.activity.models import Event
from studio.activity.operations import fold
from studio.core.confirmation import Question, unless_refused
from studio.core.errors import SlipwayError
from studio.core.pages import render
from studio.core.templatetags.slipway import ago, size

PAGE = 25
TABS = {
    "overview": "Overview",
    "packages": "Packages",
    "changes": "Changes",
    "log": "Build log",
    "activity": "Activity",
}
KINDS = {"own": "Own", "curated": "Curated"}


@workspace_page
def environment_list(request: WorkspaceRequest) -> HttpResponse:
    """The newest version of every environment; by name, and of one kind."""
    environments.curated(request.workspace)
    text, kind = request.GET.get("q", "").strip()[:120], request.GET.get("kind", "")
    shown = _newest(request.workspace).filter(name__icontains=text)
    if kind in KINDS:
        is_curated = Q(name__startswith=CURATED_PREFIX)
        shown = shown.filter(is_curated if kind == "curated" else ~is_curated)
    page = Paginator(shown.order_by("name"), PAGE).get_page(request.GET.get("page"))
    states = [(environment, *built.state_of(environment)) for environment in built.with_built(page)]
    own = Environment.objects.in_workspace(request.workspace).exclude(name__startswith=CURATED_PREFIX)
    context = {
        "page": page,
        "states": states,
        "text": text,
        "kind": kind if kind in KINDS else "",
        "kinds": KINDS,
        "has_own": own.exists(),
    }
    return render(request, "registry/environment_list.html", context, partial="rows")


def _newest(workspace: Workspace) -> QuerySet[Environment]:
    rows = Environment.objects.in_workspace(workspace)
    newest = rows.filter(name=OuterRef("name")).order_by("-number").values("number")[:1]
    shown = rows.filter(number=Subquery(newest)).annotate(users=Count("inferenceconfig"))
    return shown.select_related("created_by")


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


@workspace_page(role=Role.CONTRIBUTOR)
def environment_edit(request: WorkspaceRequest) -> HttpResponse:
    """Edit a definition as YAML; `?from=name:2` starts from an environment, one of the studio's as a copy."""
    reference = request.GET.get("from", "")
    base = environments.find(request.workspace, reference) if reference else None
    sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = DefinitionForm(*sent, base=base, initial=_document(base, request.GET.get("name")))
    if request.method == "POST" and form.is_valid():
        try:
            made = form.save(request.workspace, request.user)
        except SlipwayError as error:
            form.show(error)
        else:
            messages.success(request, f"{made} is defined. The first deployment that needs it makes it.")
            return redirect("environment_detail", request.workspace.slug, made.name, made.number)
    context = {"form": form, "base": base}
    return render(request, "registry/environment_edit.html", context, status=422 if form.errors else 200)


@workspace_page
def environment_detail(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    environment = environments.find(request.workspace, f"{name}:{number}")
    state, tone = built.state_of(environment)
    sees_values = request.role in Role.at_least(Role.CONTRIBUTOR)
    tab = request.GET["tab"] if request.GET.get("tab") in TABS else "overview"
    context = {
        "environment": environment,
        "state": state,
        "tone": tone,
        "tab": tab,
        "tabs": [{"url": f"?tab={key}", "label": label, "current": key == tab} for key, label in TABS.items()],
        "warnings": environments.warnings_of(environment),
        "needs_no_build": environment.definition_hash == CURATED_HASH,
        "variables": environments.shown_variables(environment, with_values=sees_values),
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
    if tab == "changes":
        before = _version_before(environment)
        return {"before": before, "differences": differences(before, environment) if before else []}
    if tab == "activity":
        events = Event.objects.in_workspace(environment.workspace)
        return {"operations": fold(events.filter(subject_type="environment", subject_id=str(environment.pk))[:100])}
    configs = environment.inferenceconfig_set.annotate(revision_count=Count("revisions")).order_by("name", "-number")
    others = Environment.objects.in_workspace(environment.workspace).filter(name=environment.name)
    return {
        "configs": configs[:100],
        "others": others.exclude(pk=environment.pk)[:50],
        "requirements": "\n".join(environment.requirements),
        "steps": "\n".join(environment.docker_steps),
        "conda": "\n".join(environment.conda.get("dependencies", [])),
        "wheels": environment.wheels.select_related("artifact"),
        "facts": _facts(environment),
    }


def _version_before(environment: Environment) -> Environment | None:
    others = Environment.objects.in_workspace(environment.workspace).filter(name=environment.name)
    before: Environment | None = others.filter(number__lt=environment.number).first()
    return before


def _document(base: Environment | None, name: str | None) -> dict[str, str]:
    """What the form that edits YAML starts with. A copy of one of the studio's gets a name of its own."""
    if base is None:
        return {"definition": START.format(python=interpreters.own().minor), "name": name or ""}
    wheels = [wheel.path for wheel in private_wheels.wheels_of(base)]
    known = "" if base.is_curated else base.name
    return {
        "definition": definition_yaml.write(requests.facts_of(base), wheels),
        "name": known if name is None else name,
    }


def _facts(environment: Environment) -> dict[str, Any]:
    row = BuiltEnvironment.objects.usable(environment.definition_hash).first()
    return {
        "Python": environment.python_version,
        "Base image": environment.base_image or None,
        "Size": size(row.size_bytes) if row else None,
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
