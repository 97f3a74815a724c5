"""Start page: the only view, with the search, that reads from every app."""

from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect

from deployments.models import Desired, Phase, Service
from monitoring.telemetry.overview import Overview, overview
from monitoring.telemetry.series import Figures
from registry.models import ModelVersion
from studio.accounts.access import SignedInRequest, WorkspaceRequest, workspace_page
from studio.accounts.context import last_used
from studio.accounts.models import Workspace
from studio.core.best_effort import best_effort
from studio.core.errors import NotFound
from studio.core.job_catalogue import running_work
from studio.core.pages import render

ROWS = 6
# Worst first: what needs a person stands on top.
TROUBLE = [Phase.FAILED, Phase.UNSCHEDULABLE, Phase.UNHEALTHY, Phase.TRANSITIONING]


def home(request: SignedInRequest) -> HttpResponse:
    """Send the person to the workspace they used last, or the first they belong to."""
    mine = Workspace.objects.visible_to(request.user)
    workspace = last_used(request, mine)
    if workspace is None:
        raise NotFound("You are not a member of any workspace yet.", hint="Ask an administrator to add you to one.")
    return redirect("workspace_home", workspace=workspace.slug)


@workspace_page
def workspace_home(request: WorkspaceRequest) -> HttpResponse:
    """Health of all services, newest versions and running work; htmx asks only for the live part."""
    _remember(request)
    services = Service.objects.in_workspace(request.workspace).exclude(desired=Desired.DELETED)
    context = {
        "phases": count_phases(services),
        "troubled": in_trouble(services),
        "failing": failing_requests(services, overview(request.workspace)),
        "has_services": services.exists(),
        "newest": newest_versions(request.workspace),
        "work": running_work(request.workspace, ROWS),
    }
    return render(request, "studio/home.html", context, partial="health")


def count_phases(services: QuerySet) -> list[dict]:
    """Every phase with how many services are in it, in the order of the enum."""
    counts = dict(services.values_list("phase").annotate(Count("pk")))
    return [{"name": phase.value, "tone": phase.tone, "count": counts.get(phase.value, 0)} for phase in Phase]


def in_trouble(services: QuerySet) -> list[Service]:
    """Services that are not Healthy although they should be, worst first."""
    found = services.filter(phase__in=TROUBLE).order_by("-changed_at").select_related("target")[: ROWS * 4]
    return sorted(found, key=lambda service: TROUBLE.index(service.phase))[:ROWS]


def failing_requests(services: QuerySet, figures: Overview) -> list[tuple[Service, Figures]]:
    """Services that are Healthy and answer many of their requests with an error at the moment, the worst first."""
    shares = {name: one for name, one in figures.recent.items() if one.tone}
    found = services.filter(phase=Phase.HEALTHY, name__in=shares)
    rows = [(service, shares[service.name]) for service in found]
    return sorted(rows, key=lambda row: -(row[1].error_rate or 0))[:ROWS]


def newest_versions(workspace: Workspace) -> list[ModelVersion]:
    versions = ModelVersion.objects.in_workspace(workspace).select_related("model", "created_by")
    return list(versions.prefetch_related("tags").order_by("-created_at", "-id")[:ROWS])


def _remember(request: WorkspaceRequest) -> None:
    """The workspace to come back to next time: convenient, but no reason for a page to fail or to wait."""
    if request.session.get("workspace") == request.workspace.slug:
        return
    request.session["workspace"] = request.workspace.slug
    best_effort(request.session.save)
    request.session.modified = False
