"""The service's Metrics panel, its data and file, and the home page's figures."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from deployments.models import Service
from monitoring.access import find_service
from monitoring.charts import charts, tables
from monitoring.models import MetricWindow
from monitoring.telemetry.first_call import first_calls
from monitoring.telemetry.overview import overview
from monitoring.telemetry.ranges import RANGES, choose, series_for
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.core.pages import render


@workspace_page
def service_metrics(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The panel, or only its tiles (`?part=tiles`); a page of its own without htmx."""
    service, chosen = find_service(request.workspace, name), choose(request.GET.get("range"))
    series = series_for(service, chosen)
    context: dict[str, Any] = {
        "service": service,
        "chosen": chosen,
        "ranges": RANGES.values(),
        "series": series,
        "had_requests": series.total.requests or _had_requests(service),
    }
    if not context["had_requests"]:
        context |= first_calls(request.workspace, name)
    if request.GET.get("view") == "table":
        context |= {"columns": tables.headings(series), "rows": reversed(list(tables.rows(series)))}
    else:
        context["charts"] = charts.shown(series)
    part = "tiles" if request.GET.get("part") == "tiles" else "panel"
    return render(request, "monitoring/service_metrics.html", context, partial=part)


@workspace_page
def service_metrics_data(request: WorkspaceRequest, name: str) -> JsonResponse:
    """The figures of all charts, for the script that draws them."""
    series = series_for(find_service(request.workspace, name), choose(request.GET.get("range")))
    return JsonResponse({"figures": charts.all_figures(series), "as_of": timezone.now().isoformat()})


@workspace_page
def service_metrics_csv(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The same numbers as a file: all of them, or those of one chart (`?chart=latency`)."""
    chosen = choose(request.GET.get("range"))
    series = series_for(find_service(request.workspace, name), chosen)
    headers = {"Content-Disposition": f'attachment; filename="{name}-{chosen.key}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    tables.write_csv(series, response, request.GET.get("chart"))
    return response


@workspace_page
def home_metrics(request: WorkspaceRequest) -> HttpResponse:
    """Requests/s, error rate and p95 of the workspace over the last hour; a fragment of the home page."""
    return render(request, "monitoring/home_metrics.html", {"overview": overview(request.workspace)})


def _had_requests(service: Service) -> bool:
    return MetricWindow.objects.filter(service=service, counters__has_key="codes").exists()
