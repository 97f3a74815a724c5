"""The list of services and the page of one."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from deployments.config.deployment_config import config_of
from deployments.config.option_words import in_words
from deployments.control.differences import compare
from deployments.control.facts import facts_of, instances_of, wanted_revision
from deployments.control.service_phase import update_of
from deployments.control.steps import steps_of
from deployments.models import Desired, Phase, Service
from deployments.services.describe import address_of, grpc_address_of, models_of, shown_config, walls_of
from deployments.services.keys import SLOTS
from deployments.services.queries import find, with_details
from deployments.services.revisions import describe_revisions, revisions_of
from deployments.views import equivalent_commands, form_defaults
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.errors import NotFound
from studio.core.pages import render

PAGE = 25
SHOWN_REVISIONS = 100
MOVING = (Phase.TRANSITIONING, Phase.UNHEALTHY, Phase.UNSCHEDULABLE)
TABS = {
    "overview": "Overview",
    "test": "Test",
    "metrics": "Metrics",
    "logs": "Logs",
    "revisions": "Revisions",
    "settings": "Settings",
}


@workspace_page
def service_list(request: WorkspaceRequest) -> HttpResponse:
    """All services, worst first on request; refreshes itself while something moves."""
    rows = _chosen(request, Service.objects.in_workspace(request.workspace))
    page = Paginator(with_details(rows), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [(service, models_of(wanted_revision(service)), address_of(service)) for service in page],
        "moving": any(service.phase in MOVING for service in page),
        "states": [state for state in Phase],
        "state": request.GET.get("state", ""),
        "text": request.GET.get("q", ""),
    }
    return render(request, "deployments/service_list.html", context, partial="rows")


def _chosen(request: HttpRequest, rows: QuerySet[Service]) -> QuerySet[Service]:
    if state := request.GET.get("state"):
        rows = rows.filter(phase=state)
    if text := request.GET.get("q", "").strip():
        rows = rows.filter(name__icontains=text)
    return rows.order_by("name")


@workspace_page
def service_detail(request: WorkspaceRequest, name: str) -> HttpResponse:
    return show(request, find(request.workspace, name))


def show(request: WorkspaceRequest, service: Service, *, status: int = 200, **more: Any) -> HttpResponse:
    """The page of a service on the tab that `?tab=` names; `more` adds to that tab's context."""
    tab = request.GET["tab"] if request.GET.get("tab") in TABS else more.pop("tab", "overview")
    context = {
        **live(request, service),
        "tab": tab,
        "tabs": [
            {"url": f"{_url(request, service)}?tab={key}", "label": label, "current": key == tab}
            for key, label in TABS.items()
        ],
        **_panel(request, service, tab),
        **more,
    }
    return render(request, "deployments/service_detail.html", context, status=status)


@workspace_page
def service_status(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The live part of the page. When the service has been deleted meanwhile, the browser goes to the list."""
    try:
        service = find(request.workspace, name)
    except NotFound:
        response = HttpResponse(status=204)
        response.headers["HX-Redirect"] = reverse("service_list", kwargs={"workspace": request.workspace.slug})
        return response
    return render(request, "deployments/service_status.html", live(request, service))


def live(request: WorkspaceRequest, service: Service) -> dict[str, Any]:
    """What changes by itself while somebody looks."""
    wanted, facts, now = wanted_revision(service), facts_of(service), timezone.now()
    phase, shown = Phase(service.phase), facts.shown
    update = update_of(facts, now)
    return {
        "service": service,
        "phase": phase,
        "moving": phase in MOVING or service.desired == Desired.DELETED or _is_under_way(update),
        "address": address_of(service),
        "steps": [step.as_dict() for step in steps_of(facts, now)],
        "comparison": compare(service, wanted, facts),
        "revision": wanted,
        "update": update and update | {"title": _title_of(update, facts.traffic), "answering": facts.traffic},
        "runs": shown.observation if shown else None,
        "walls": walls_of(shown.observation) if shown else None,
        "observed_at": max((one.observed_at for one in instances_of(service) if one.observed_at), default=None),
    }


def _title_of(update: dict[str, Any], answering: int | None) -> str:
    how = "failed" if update["state"] == Phase.FAILED else "is under way"
    return f"The update to revision {update['revision']} {how}; revision {answering} goes on answering"


def _is_under_way(update: dict[str, Any] | None) -> bool:
    return update is not None and update["state"] == Phase.TRANSITIONING


def _panel(request: WorkspaceRequest, service: Service, tab: str) -> dict[str, Any]:
    """What the chosen tab needs, and no more."""
    newest = wanted_revision(service)
    if tab == "test":
        return test_panel(service, form_defaults.sample_request(newest))
    if tab == "revisions":
        return {"revisions": _revisions(service)}
    if tab == "settings":
        may_write = request.role in Role.at_least(Role.CONTRIBUTOR)
        config = shown_config(newest, with_values=may_write)
        shown = {"config": in_words(config), "variables": config.get("environment_variables"), "slots": SLOTS}
        return shown | _tokens(request, service)
    models = [use.version for use in newest.models.all()] if newest else []
    return {"models": models, "grpc_address": grpc_address_of(service, newest)}


def _tokens(request: WorkspaceRequest, service: Service) -> dict[str, Any]:
    """What callers must show, and how they get a token."""
    url = reverse("api_service_token", kwargs={"workspace": request.workspace.slug, "name": service.name})
    how = [
        {"label": "Command line", "language": "shell", "text": equivalent_commands.token_cli(service.name)},
        {"label": "curl", "language": "shell", "text": equivalent_commands.token_curl(request.build_absolute_uri(url))},
    ]
    return {"credential": config_of(wanted_revision(service)).credential, "token_snippets": how}


def test_panel(service: Service, body: str) -> dict[str, Any]:
    """The Test tab around a request body."""
    address, newest = address_of(service), wanted_revision(service)
    credential = config_of(newest).credential
    path = form_defaults.sample_path(newest)
    how: dict[str, Any] = {"credential": credential, "path": path}
    snippets = [
        {"label": "curl", "language": "shell", "text": equivalent_commands.score_curl(address, body, **how)},
        {"label": "Python", "language": "python", "text": equivalent_commands.score_python(address, body, **how)},
    ]
    rpc = grpc_address_of(service, newest)
    if newest and rpc and (inputs := form_defaults.sample_inputs(newest)):
        text = equivalent_commands.score_grpc(
            rpc, newest.models.all()[0].version.model.name, inputs, credential=credential
        )
        snippets.append({"label": "Python, gRPC", "language": "python", "text": text})
    sent_with = {"key": "the primary key", "token": "a token of its own", "": "no key"}[credential]
    return {"body": body, "snippets": snippets, "credential": credential, "sent_with": sent_with, "path": path}


def _revisions(service: Service) -> list[dict[str, Any]]:
    """The newest ones: what REST says of each, with its tone and the row itself."""
    rows = list(revisions_of(service)[:SHOWN_REVISIONS])
    described = zip(describe_revisions(service, rows), rows, strict=True)
    return [facts | {"tone": Phase(facts["state"]).tone, "row": row} for facts, row in described]


def _url(request: WorkspaceRequest, service: Service) -> str:
    return reverse("service_detail", kwargs={"workspace": request.workspace.slug, "name": service.name})
