"""REST addresses of the registry, below /api/v1/workspaces/<workspace>/."""

from django.urls import path

from registry.api.conversions import ConversionViewSet
from registry.api.environments import EnvironmentViewSet
from registry.api.models import ModelViewSet
from registry.api.uploads import UploadViewSet
from registry.api.versions import VersionViewSet

version = "versions/<str:reference>"

urlpatterns = [
    path("uploads", UploadViewSet.as_view({"get": "list", "post": "create"}), name="api_uploads"),
    path(
        "uploads/<uuid:pk>",
        UploadViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
        name="api_upload",
    ),
    path("uploads/<uuid:pk>/complete", UploadViewSet.as_view({"post": "complete"})),
    path("models", ModelViewSet.as_view({"get": "list"})),
    path("models/<str:name>", ModelViewSet.as_view({"get": "retrieve"})),
    path("models/<str:name>/versions", ModelViewSet.as_view({"get": "versions"})),
    path("versions", VersionViewSet.as_view({"get": "list", "post": "create"})),
    path(version, VersionViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"})),
    path(f"{version}/inspect", VersionViewSet.as_view({"post": "inspect"})),
    path(f"{version}/files/<path:path>", VersionViewSet.as_view({"get": "file"})),
    path(f"{version}/archive", VersionViewSet.as_view({"get": "archive"})),
    path("conversions", ConversionViewSet.as_view({"get": "list", "post": "create"})),
    path("conversions/<int:pk>", ConversionViewSet.as_view({"get": "retrieve"})),
    path("conversions/<int:pk>/cancel", ConversionViewSet.as_view({"post": "cancel"})),
    path("conversions/<int:pk>/variants/<str:variant>/register", ConversionViewSet.as_view({"post": "register"})),
    path("environments", EnvironmentViewSet.as_view({"get": "list", "post": "create"})),
    path("environments/<str:reference>", EnvironmentViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    path("environments/<str:reference>/log", EnvironmentViewSet.as_view({"get": "log"})),
]
