"""Pages of inference configs: list, look at."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Subquery
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from deployments.config import azure_inference_config, configs
from deployments.models import InferenceConfig, Service
from deployments.views.source_text import text_of
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.activity.models import Event
from studio.activity.operations import fold
from studio.core.confirmation import Question, unless_refused
from studio.core.pages import render
from studio.core.templatetags.slipway import ago

PAGE = 25
TABS = {"overview": "Overview", "files": "Files", "activity": "Activity"}


@workspace_page
def config_list(request: WorkspaceRequest) -> HttpResponse:
    """The newest version of every config."""
    rows = InferenceConfig.objects.in_workspace(request.workspace).registered()
    newest = rows.filter(name=OuterRef("name")).order_by("-number").values("number")[:1]
    shown = rows.filter(number=Subquery(newest)).select_related("environment", "created_by")
    counted = shown.annotate(services=Count("revisions__service", distinct=True)).order_by("name")
    page = Paginator(counted, PAGE).get_page(request.GET.get("page"))
    return render(request, "deployments/config_list.html", {"page": page})


@workspace_page
def config_detail(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    config = configs.find(request.workspace, f"{name}:{number}")
    tab = request.GET["tab"] if request.GET.get("tab") in TABS else "overview"
    context = {
        "config": config,
        "tab": tab,
        "tabs": [{"url": f"?tab={key}", "label": label, "current": key == tab} for key, label in TABS.items()],
        **_panel(config, tab, with_values=_sees_values(request)),
    }
    return render(request, "deployments/config_detail.html", context)


@workspace_page
def config_export(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    """The config as Azure's inferenceconfig.json, for download."""
    config = configs.find(request.workspace, f"{name}:{number}")
    shown = azure_inference_config.export(config, with_values=_sees_values(request))
    answer = JsonResponse(shown, json_dumps_params={"indent": 2})
    answer.headers["Content-Disposition"] = 'attachment; filename="inferenceconfig.json"'
    return answer


@workspace_page(role=Role.CONTRIBUTOR)
def config_delete(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    """Ask, or say what uses it; then delete."""
    config = configs.find(request.workspace, f"{name}:{number}")
    question = Question(
        title=f"Delete {config}?",
        text="Its files and environment variables are removed for good. No service uses it, and its environment stays. "
        f"The number {number} is never reused.",
        action=f"Delete {config}",
        back=reverse("config_detail", args=[request.workspace.slug, name, number]),
    )
    answer = unless_refused(
        request,
        question,
        check=lambda: configs.check_deletable(config),
        act=lambda: configs.delete(config, request.user),
    )
    if answer is not None:
        return answer
    messages.success(request, f"{name}:{number} is deleted.")
    return redirect("config_list", workspace=request.workspace.slug)


def _sees_values(request: WorkspaceRequest) -> bool:
    return request.role in Role.at_least(Role.CONTRIBUTOR)


def _panel(config: InferenceConfig, tab: str, *, with_values: bool) -> dict[str, Any]:
    """What the chosen tab needs, and no more."""
    if tab == "files":
        return {"files": [(file, text_of(file)) for file in config.files.select_related("artifact")[:50]]}
    if tab == "activity":
        events = Event.objects.in_workspace(config.workspace)
        return {"operations": fold(events.filter(subject_type="inference config", subject_id=str(config.pk))[:100])}
    script = config.files.filter(path=config.entry_script).select_related("artifact").first()
    services = Service.objects.in_workspace(config.workspace).filter(revisions__config=config).distinct()
    others = (
        InferenceConfig.objects.in_workspace(config.workspace)
        .registered()
        .filter(name=config.name)
        .exclude(pk=config.pk)
    )
    return {
        "script": text_of(script) if script else "",
        "services": services.order_by("name")[:100],
        "others": others[:50],
        "variables": configs.shown_variables(config, with_values=with_values),
        "facts": {
            "Kind": config.get_kind_display(),
            "Files": config.files.count(),
            "Created by": config.created_by or "Slipway",
            "Created": ago(config.created_at),
        },
    }
