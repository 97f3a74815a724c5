"""The REST root: every app's routes under /api/v1/, the OpenAPI document and its interactive page."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.defaults import page_not_found
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

import studio.accounts.openapi  # noqa: F401 - describes our tokens in the document

urlpatterns = [
    path("v1/", include("studio.people.api_urls")),
    path("v1/workspaces/<slug:workspace>/", include("registry.api.urls")),
    path("v1/workspaces/<slug:workspace>/", include("deployments.api.urls")),
    path("v1/workspaces/<slug:workspace>/", include("monitoring.api.urls")),
    path("v1/workspaces/<slug:workspace>/", include("studio.activity.api_urls")),
    path("v1/admin/", include("deployments.api.admin_urls")),
    path("v1/", include("monitoring.ingest_urls")),
    path("v1/", include("deployments.api.edge_urls")),
    path("v1/openapi.json", SpectacularAPIView.as_view(), name="openapi"),
    path("", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="api_docs"),
]


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Programs get JSON for an address that does not exist, people a page."""
    if not request.path.startswith("/api/"):
        return page_not_found(request, exception)
    detail = f"There is nothing at {request.path[:300]}."
    error = {"code": "not_found", "detail": detail, "attr": None, "hint": "The addresses are listed at /api/."}
    return JsonResponse({"type": "client_error", "errors": [error]}, status=404)
