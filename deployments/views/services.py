"""The list of services and the page of one."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from deployments.config.deployment_config import config_of
from deployments.config.option_words import in_words
from deployments.control.facts import facts_of, wanted_revision
from deployments.models import Phase, Service
from deployments.services.describe import call_address_of, grpc_address_of, shown_config
from deployments.services.keys import SLOTS
from deployments.services.queries import find, with_details
from deployments.services.recent_figures import recent_figures
from deployments.services.revision_changes import changes_between
from deployments.services.revisions import describe_revisions, revisions_of
from deployments.services.scaling import describe_scaling
from deployments.views import equivalent_commands
from deployments.views.rollout_panel import rollout_card, under_way_of
from deployments.views.scoring_tab import test_panel
from deployments.views.service_header import MOVING, badge_of, header
from deployments.views.service_logs import deployment_panel, log_panel
from deployments.views.traffic_tab import traffic_panel
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.errors import NotFound
from studio.core.pages import render

PAGE = "deployments/service_detail.html"
PAGE_ROWS = 25
METRICS, METRICS_PAGE = "metrics", "service_metrics"  # the tab of an app above this one, at its own address
SHOWN_REVISIONS = 100
TABS = {
    "overview": "Overview",
    "test": "Test",
    METRICS: "Metrics",
    "traffic": "Traffic",
    "logs": "Logs",
    "revisions": "Revisions",
    "settings": "Settings",
}


@workspace_page
def service_list(request: WorkspaceRequest) -> HttpResponse:
    """All services, worst first on request; refreshes itself while something moves."""
    rows = _chosen(request, Service.objects.in_workspace(request.workspace))
    page = Paginator(with_details(rows), PAGE_ROWS).get_page(request.GET.get("page"))
    figures, rolling = recent_figures(page), under_way_of(page)
    context = {
        "page": page,
        "rows": [
            {
                "service": service,
                "revision": wanted_revision(service),
                "address": call_address_of(service),
                "badge": badge_of(service, facts_of(service)),
                "figures": figures.get(service.pk),
                "rolling": rolling.get(service.pk),
            }
            for service in page
        ],
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
    if request.GET.get("tab") == METRICS:
        return redirect(METRICS_PAGE, workspace=request.workspace.slug, name=name)
    return show(request, find(request.workspace, name))


def show(
    request: WorkspaceRequest, service: Service, *, status: int = 200, template: str = PAGE, **more: Any
) -> HttpResponse:
    """The page of a service on the tab that `?tab=` names; `more` adds to that tab's context. An app above this one
    shows a tab of its own by a `template` that extends the page."""
    tab = request.GET["tab"] if request.GET.get("tab") in TABS else more.pop("tab", "overview")
    context = {
        **header(service),
        "tab": tab,
        "tabs": [{"url": _tab_url(service, key), "label": label, "current": key == tab} for key, label in TABS.items()],
        **_panel(request, service, tab),
        **more,
    }
    return render(request, template, context, status=status)


@workspace_page
def service_status(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The live part of the page. When the service has been deleted meanwhile, the browser goes to the list."""
    try:
        service = find(request.workspace, name)
    except NotFound:
        response = HttpResponse(status=204)
        response.headers["HX-Redirect"] = reverse("service_list", kwargs={"workspace": request.workspace.slug})
        return response
    return render(request, "deployments/service_status.html", header(service))


def _panel(request: WorkspaceRequest, service: Service, tab: str) -> dict[str, Any]:
    """What the chosen tab needs, and no more."""
    newest, may_write = wanted_revision(service), request.role in Role.at_least(Role.CONTRIBUTOR)
    if tab in {"test", "logs"}:
        return test_panel(request, service) if tab == "test" else log_panel(request, service)
    if tab == METRICS:
        return {}
    if tab == "traffic":
        return traffic_panel(service)
    if tab == "revisions":
        return {"revisions": _revisions(service, with_values=may_write)}
    if tab == "settings":
        config = shown_config(newest, with_values=may_write)
        shown = {"config": in_words(config), "variables": config.get("environment_variables"), "slots": SLOTS}
        return shown | _tokens(request, service)
    models = [use.version for use in newest.models.all()] if newest else []
    facts = {
        "models": models,
        "grpc_address": grpc_address_of(service, newest),
        "rollout": rollout_card(service),
        "scaling": describe_scaling(service),
    }
    return facts | deployment_panel(service)


def _tokens(request: WorkspaceRequest, service: Service) -> dict[str, Any]:
    """What callers must show, and how they get a token."""
    url = reverse("api_service_token", kwargs={"workspace": request.workspace.slug, "name": service.name})
    how = [
        {"label": "Command line", "language": "shell", "text": equivalent_commands.token_cli(service.name)},
        {"label": "curl", "language": "shell", "text": equivalent_commands.token_curl(request.build_absolute_uri(url))},
    ]
    return {"credential": config_of(wanted_revision(service)).credential, "token_snippets": how}


def _revisions(service: Service, *, with_values: bool) -> list[dict[str, Any]]:
    """The newest ones: what REST says of each, with its tone, the row itself, and what it changed of the one before."""
    rows = list(revisions_of(service)[: SHOWN_REVISIONS + 1])
    described = zip(describe_revisions(service, rows), rows, [*rows[1:], None], strict=True)
    found = [
        facts
        | {
            "tone": Phase(facts["state"]).tone,
            "row": row,
            "is_first": before is None,
            "changes": changes_between(before, row, with_values=with_values) if before else [],
        }
        for facts, row, before in described
    ]
    return found[:SHOWN_REVISIONS]


def _tab_url(service: Service, tab: str) -> str:
    place = {"workspace": service.workspace.slug, "name": service.name}
    if tab == METRICS:
        return reverse(METRICS_PAGE, kwargs=place)
    return f"{reverse('service_detail', kwargs=place)}?tab={tab}"
