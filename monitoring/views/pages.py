"""The Metrics tab of a service's page, its data and file, and the home page's figures."""

import csv
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from deployments.models import Service
from deployments.services.key_use import MOST_DAYS, use_by_day
from deployments.services.queries import find
from deployments.views.services import show
from monitoring.access import find_service
from monitoring.charts import charts, key_use, tables
from monitoring.models import MetricWindow
from monitoring.telemetry.first_call import first_calls
from monitoring.telemetry.overview import overview
from monitoring.telemetry.ranges import RANGES, TimeRange, choose_from, series_for
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.core.pages import render

PAGE = "monitoring/service_metrics.html"
ROWS_WITHOUT_SCRIPT = 30  # of the table that stands in the place of the charts


@workspace_page
def service_metrics(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The tab, as a page of its own address; for htmx the panel, or only its tiles (`?part=tiles`)."""
    service = find_service(request.workspace, name)
    context = _panel(request, service)
    if request.htmx:
        part = "tiles" if request.GET.get("part") == "tiles" else "panel"
        return render(request, PAGE, context | {"service": service}, partial=part)
    return show(request, find(request.workspace, name), template=PAGE, **context, tab="metrics")


def _panel(request: WorkspaceRequest, service: Service) -> dict[str, Any]:
    chosen, log = choose_from(request.GET), _is_log(request)
    series = series_for(service, chosen, whole=False)
    rows = list(reversed(list(tables.rows(series))))
    context: dict[str, Any] = {
        "chosen": chosen,
        "log": log,
        "query": _query(chosen, log=log),
        "other_scale": _query(chosen, log=not log),
        "ranges": RANGES.values(),
        "series": series,
        "had_requests": series.total.requests or _had_requests(service),
        "as_table": request.GET.get("view") == "table",
        "columns": tables.headings(series),
        "rows": rows,
        "newest_rows": rows[:ROWS_WITHOUT_SCRIPT],
        "charts": charts.captions(series),
        **_key_use(service),
    }
    return context if context["had_requests"] else context | first_calls(request.workspace, service.name)


@workspace_page
def service_metrics_data(request: WorkspaceRequest, name: str) -> JsonResponse:
    """The figures of all charts, for the script that draws them."""
    series = series_for(find_service(request.workspace, name), choose_from(request.GET), whole=False)
    figures = charts.all_figures(series, log=_is_log(request))
    return JsonResponse({"figures": figures, "as_of": timezone.now().isoformat()})


@workspace_page
def service_metrics_csv(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The same numbers as a file: all of them, or those of one chart (`?chart=latency`)."""
    chosen = choose_from(request.GET)
    series = series_for(find_service(request.workspace, name), chosen)
    headers = {"Content-Disposition": f'attachment; filename="{name}-{chosen.key or "metrics"}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    tables.write_csv(series, response, request.GET.get("chart"))
    return response


@workspace_page
def service_key_use_data(request: WorkspaceRequest, name: str) -> JsonResponse:
    """The chart of requests by key and day."""
    return JsonResponse(key_use.draw(use_by_day(find_service(request.workspace, name))))


@workspace_page
def service_key_use_csv(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Requests by key and day as a file."""
    use = use_by_day(find_service(request.workspace, name), days=MOST_DAYS)
    headers = {"Content-Disposition": f'attachment; filename="{name}-keys.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    writer = csv.writer(response)
    writer.writerow(("day (UTC)", "key", "requests", "rows"))
    writer.writerows(key_use.rows(use))
    return response


@workspace_page
def home_metrics(request: WorkspaceRequest) -> HttpResponse:
    """Requests/s, error rate and p95 of the workspace over the last hour; a fragment of the home page."""
    return render(request, "monitoring/home_metrics.html", {"overview": overview(request.workspace)})


def _key_use(service: Service) -> dict[str, Any]:
    """What came with each key; nothing where no front has counted it."""
    use = use_by_day(service)
    if not use.requests:
        return {}
    return {"key_columns": ["day (UTC)", *key_use.busiest(use)], "key_rows": key_use.table(use)}


def _is_log(request: HttpRequest) -> bool:
    return request.GET.get("scale") == "log"


def _query(chosen: TimeRange, *, log: bool) -> str:
    return f"{chosen.query}&{urlencode({'scale': 'log'})}" if log else chosen.query


def _had_requests(service: Service) -> bool:
    return MetricWindow.objects.filter(service=service, counters__has_key="codes").exists()
