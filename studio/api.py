"""The REST root: every app's routes under /api/v1/, the OpenAPI document and its interactive page."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

import studio.accounts.openapi  # noqa: F401 - tells the document about our tokens

urlpatterns = [
    path("v1/", include("studio.people.api_urls")),
    path("v1/workspaces/<slug:workspace>/", include("registry.api_urls")),
    path("v1/workspaces/<slug:workspace>/", include("deployments.api_urls")),
    path("v1/workspaces/<slug:workspace>/", include("monitoring.api_urls")),
    path("v1/workspaces/<slug:workspace>/", include("studio.activity.api_urls")),
    path("v1/", include("monitoring.ingest_urls")),
    path("v1/openapi.json", SpectacularAPIView.as_view(), name="openapi"),
    path("", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="api_docs"),
]
