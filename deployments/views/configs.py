"""Pages of inference configs: list, look at."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Subquery
from django.http import HttpResponse, JsonResponse

from deployments.config import configs, inference_config_json
from deployments.models import InferenceConfig, Service
from deployments.views.source_text import text_of
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.activity.models import Event
from studio.core.pages import render
from studio.core.templatetags.slipway import ago

PAGE = 25
TABS = {"overview": "Overview", "files": "Files", "activity": "Activity"}


@workspace_page
def config_list(request: WorkspaceRequest) -> HttpResponse:
    """The newest version of every config."""
    rows = InferenceConfig.objects.in_workspace(request.workspace)
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
        **_panel(config, tab),
    }
    return render(request, "deployments/config_detail.html", context)


@workspace_page
def config_export(request: WorkspaceRequest, name: str, number: int) -> HttpResponse:
    """The config as Azure's inferenceconfig.json, for download."""
    config = configs.find(request.workspace, f"{name}:{number}")
    answer = JsonResponse(inference_config_json.export(config), json_dumps_params={"indent": 2})
    answer.headers["Content-Disposition"] = 'attachment; filename="inferenceconfig.json"'
    return answer


def _panel(config: InferenceConfig, tab: str) -> dict[str, Any]:
    """What the chosen tab needs, and no more."""
    if tab == "files":
        return {"files": [(file, text_of(file)) for file in config.files.select_related("artifact")[:50]]}
    if tab == "activity":
        events = Event.objects.in_workspace(config.workspace)
        return {"events": events.filter(subject_type="inference config", subject_id=str(config.pk))[:100]}
    script = config.files.filter(path=config.entry_script).select_related("artifact").first()
    services = Service.objects.in_workspace(config.workspace).filter(revisions__config=config).distinct()
    others = InferenceConfig.objects.in_workspace(config.workspace).filter(name=config.name).exclude(pk=config.pk)
    return {
        "script": text_of(script) if script else "",
        "services": services.order_by("name")[:100],
        "others": others[:50],
        "facts": {
            "Kind": config.get_kind_display(),
            "Files": config.files.count(),
            "Created by": config.created_by or "Slipway",
            "Created": ago(config.created_at),
        },
    }
