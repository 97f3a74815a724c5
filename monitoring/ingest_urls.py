from django.urls import path

from monitoring.views.ingest import TelemetryView

urlpatterns = [path("telemetry", TelemetryView.as_view(), name="telemetry")]
