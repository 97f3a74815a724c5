from django.urls import path

from monitoring.api.metrics import ServiceMetricsView

urlpatterns = [path("services/<slug:name>/metrics", ServiceMetricsView.as_view(), name="api_service_metrics")]
