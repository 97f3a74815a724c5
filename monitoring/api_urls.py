from django.urls import path

from monitoring.views.api import ServiceMetricsView

urlpatterns = [path("services/<slug:name>/metrics", ServiceMetricsView.as_view(), name="api_service_metrics")]
