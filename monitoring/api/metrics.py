"""REST: a service's metrics as numbers."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring.access import find_service
from monitoring.charts.charts import CHARTS
from monitoring.telemetry.ranges import DEFAULT, RANGES, choose, series_for
from monitoring.telemetry.series import Series
from studio.accounts.rest import InWorkspace


class ServiceMetricsView(InWorkspace, APIView):
    """Merged time series of a service: one value per step, null where nothing was measured."""

    @extend_schema(
        operation_id="service_metrics",
        parameters=[OpenApiParameter("range", str, enum=list(RANGES), default=DEFAULT)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, workspace: str, name: str) -> Response:
        chosen = choose(request.query_params.get("range"))
        series = series_for(find_service(self.workspace, name), chosen)
        return Response({"service": name, "range": chosen.key} | _as_json(series))


def _as_json(series: Series) -> dict[str, Any]:
    facts: dict[str, Any] = {"step_seconds": series.step, "times": series.times}
    for chart in CHARTS.values():
        facts |= chart.numbers(series)
    marks = [asdict(mark) for mark in series.marks]
    return facts | {"deployments": marks, "total": asdict(series.total)}
