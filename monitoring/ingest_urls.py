from django.urls import path

from monitoring.views.front_report import FrontReportView
from monitoring.views.ingest import TelemetryView

urlpatterns = [
    path("telemetry", TelemetryView.as_view(), name="telemetry"),
    path("front/report", FrontReportView.as_view(), name="front_report"),
]
