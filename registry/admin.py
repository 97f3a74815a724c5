"""The registry's rows for administrators: to look at, not to change (versions never change)."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from registry.models import Artifact, BuiltEnvironment, Environment, Inspection, Model, ModelVersion, Scrub, Upload


class ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Model)
class ModelAdmin(ReadOnlyAdmin):
    list_display = ("name", "workspace", "last_number", "updated_at")
    list_filter = ("workspace",)
    search_fields = ("name",)


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "workspace", "state", "framework", "size", "created_at")
    list_filter = ("workspace", "state", "framework")
    search_fields = ("name",)


@admin.register(Inspection)
class InspectionAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "state", "attempt", "created_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("version",)


@admin.register(Artifact)
class ArtifactAdmin(ReadOnlyAdmin):
    list_display = ("digest", "size", "created_at", "touched_at", "checked_at", "damaged_at")
    search_fields = ("digest",)


@admin.register(Scrub)
class ScrubAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "state", "count", "size", "damaged", "created_at", "finished_at")
    list_filter = ("state",)


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ("path", "workspace", "user", "size", "received", "touched_at")
    list_filter = ("workspace",)


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "workspace", "python_version", "created_at")
    list_filter = ("workspace",)


@admin.register(BuiltEnvironment)
class BuiltEnvironmentAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "size_bytes", "built_at", "failed_at", "last_used_at", "removing_at")
    search_fields = ("definition_hash",)
