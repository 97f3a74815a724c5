"""Addresses, grouped as the site is: `/w/<workspace>/…` for pages, `/api/v1/…` for programs."""

from django.contrib import admin
from django.urls import include, path

from studio import home, patterns, search
from studio.workers import health

handler404 = "studio.api.not_found"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("studio.people.urls")),
    path("api/", include("studio.api")),
    path("w/<slug:workspace>/", include("registry.urls")),
    path("w/<slug:workspace>/", include("deployments.urls")),
    path("w/<slug:workspace>/", include("monitoring.urls")),
    path("w/<slug:workspace>/", include("studio.activity.urls")),
    path("", home.home, name="home"),
    path("w/<slug:workspace>/", home.workspace_home, name="workspace_home"),
    path("w/<slug:workspace>/search/", search.search, name="search"),
    path("patterns/", patterns.patterns, name="patterns"),
    path("healthz", health.healthz, name="healthz"),
]
