from django.urls import path

from monitoring.views.edge_telemetry import EdgeTelemetryView
from monitoring.views.front_report import FrontReportView
from monitoring.views.ingest import TelemetryView

urlpatterns = [
    path("telemetry", TelemetryView.as_view(), name="telemetry"),
    path("edge/telemetry", EdgeTelemetryView.as_view(), name="edge_telemetry"),
    path("front/report", FrontReportView.as_view(), name="front_report"),
]
