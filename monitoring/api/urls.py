from django.urls import path

from monitoring.api.metrics import ServiceMetricsView
from monitoring.api.profiles import ProfileViewSet

urlpatterns = [
    path("services/<slug:name>/metrics", ServiceMetricsView.as_view(), name="api_service_metrics"),
    path("profiles", ProfileViewSet.as_view({"get": "list", "post": "create"}), name="api_profiles"),
    path("profiles/<str:reference>", ProfileViewSet.as_view({"get": "retrieve"})),
    path("profiles/<str:reference>/cancel", ProfileViewSet.as_view({"post": "cancel"})),
    path("profiles/<str:reference>/again", ProfileViewSet.as_view({"post": "again"})),
    path("profiles/<str:reference>/apply", ProfileViewSet.as_view({"post": "apply"})),
    path("profiles/<str:reference>/azure", ProfileViewSet.as_view({"get": "azure"})),
    path("profiles/<str:reference>/points", ProfileViewSet.as_view({"get": "points"})),
]
