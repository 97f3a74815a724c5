"""Pages of inference configs: list, compose, look at."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Subquery
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from deployments.config import configs, inference_config_json
from deployments.models import ConfigFile, InferenceConfig, Service
from deployments.views.config_form import SCRIPT, ConfigForm, ImportForm
from registry.models import Upload
from registry.store.artifacts import open_artifact
from registry.store.form_files import files_of, upload_ids
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.activity.models import Event
from studio.core.errors import SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render
from studio.core.templatetags.slipway import ago

PAGE = 25
SHOWN_BYTES = 100_000  # of a source file on the page
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


@workspace_page(role=Role.CONTRIBUTOR)
def config_new(request: WorkspaceRequest) -> HttpResponse:
    """The composer. `?from=name:2` and `?environment=name:1` fill it in; the button 'Check' saves nothing."""
    form = ConfigForm(request, initial=_start(request))
    context: dict[str, Any] = {"form": form, "uploads": [], "findings": None}
    if request.method == "POST":
        try:
            context["uploads"] = files_of(request)
            if "check" not in request.POST and form.is_valid():
                return _created(request, form, context["uploads"])
            context["findings"] = form.findings(context["uploads"])
        except SlipwayError as error:
            form.is_valid()
            show(form, error)
    return render(request, "deployments/config_new.html", context, status=422 if form.errors else 200)


@require_POST
@workspace_page
def config_check(request: WorkspaceRequest) -> HttpResponse:
    """The check's result for what stands in the composer at this moment, as a fragment; saves nothing."""
    form = ConfigForm(request)
    known = Upload.objects.in_workspace(request.workspace).filter(user=request.user, artifact__isnull=False)
    files = list(known.filter(pk__in=upload_ids(request)).select_related("artifact"))
    return render(request, "deployments/config_findings.html", {"findings": form.findings(files)})


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


@workspace_page(role=Role.CONTRIBUTOR)
def config_import(request: WorkspaceRequest) -> HttpResponse:
    """Read Azure's file, define its environment, and go on in the composer."""
    form = ImportForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    if request.method == "POST" and form.is_valid():
        try:
            given = inference_config_json.read(form.text())
            environment = inference_config_json.environment_of(given, request.workspace, request.user)
        except SlipwayError as error:
            form.add_error("inferenceconfig", f"{error.message} {error.hint}".strip())
        else:
            start = {"entry_script": given.entry_script, "description": given.description, "environment": environment}
            address = reverse("config_new", kwargs={"workspace": request.workspace.slug})
            return redirect(f"{address}?{urlencode(start)}")
    return render(request, "deployments/config_import.html", {"form": form}, status=422 if form.errors else 200)


def _created(request: WorkspaceRequest, form: ConfigForm, files: list[Upload]) -> HttpResponse:
    named = {"name": form.cleaned_data["name"], "description": form.cleaned_data["description"]}
    config = configs.create(workspace=request.workspace, actor=request.user, **named, **form.facts(files))
    messages.success(request, f"{config} is created.")
    return redirect("config_detail", workspace=request.workspace.slug, name=config.name, number=config.number)


def _start(request: WorkspaceRequest) -> dict[str, Any]:
    """What the empty composer holds."""
    initial = {"kind": "entry_script", "entry_script": "score.py", "script": SCRIPT}
    initial |= {key: request.GET[key] for key in ("environment", "entry_script", "description") if key in request.GET}
    if reference := request.GET.get("from"):
        source = configs.find(request.workspace, reference)
        script = source.files.filter(path=source.entry_script).select_related("artifact").first()
        initial |= {"name": source.name, "kind": source.kind, "description": source.description}
        initial |= {"entry_script": source.entry_script, "environment": str(source.environment or "")}
        initial["script"] = _text(script) if script else ""
    return initial


def _panel(config: InferenceConfig, tab: str) -> dict[str, Any]:
    """What the chosen tab needs, and no more."""
    if tab == "files":
        return {"files": [(file, _text(file)) for file in config.files.select_related("artifact")[:50]]}
    if tab == "activity":
        events = Event.objects.in_workspace(config.workspace)
        return {"events": events.filter(subject_type="inference config", subject_id=str(config.pk))[:100]}
    script = config.files.filter(path=config.entry_script).select_related("artifact").first()
    services = Service.objects.in_workspace(config.workspace).filter(revisions__config=config).distinct()
    others = InferenceConfig.objects.in_workspace(config.workspace).filter(name=config.name).exclude(pk=config.pk)
    return {
        "script": _text(script) if script else "",
        "services": services.order_by("name")[:100],
        "others": others[:50],
        "facts": {
            "Kind": config.get_kind_display(),
            "Files": config.files.count(),
            "Created by": config.created_by or "Slipway",
            "Created": ago(config.created_at),
        },
    }


def _text(file: ConfigFile) -> str:
    """A source file for reading; empty when it is no text."""
    with open_artifact(file.artifact) as opened:
        raw = opened.read(SHOWN_BYTES)
    return "" if b"\0" in raw else raw.decode(errors="replace")
