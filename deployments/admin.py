"""Rows of deployments for administrators: to look at, not to change. Services are changed by their verbs."""

from django.contrib import admin

from deployments.models import (
    Build,
    BuiltBundle,
    Collection,
    InferenceConfig,
    Instance,
    Revision,
    Service,
    Target,
)
from registry.admin import ReadOnlyAdmin


@admin.register(Service)
class ServiceAdmin(ReadOnlyAdmin):
    list_display = ("name", "workspace", "phase", "desired", "generation", "observed_generation", "port", "due_at")
    list_filter = ("workspace", "phase", "desired")
    search_fields = ("name",)
    exclude = ("telemetry_token", "token_secret", "front_key")


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "target", "phase", "desired", "serving", "generation", "observed_generation", "due_at")
    list_filter = ("phase", "desired", "target")
    list_select_related = ("revision__service", "target")


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "config", "created_by", "created_at")
    list_select_related = ("service", "config", "created_by")
    exclude = ("deployment_config",)  # its environment variables are often secrets


@admin.register(Build)
class BuildAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "state", "step", "attempt", "created_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("revision__service",)


@admin.register(BuiltBundle)
class BuiltBundleAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "place", "size_bytes", "built_at", "last_used_at", "removing_at")
    search_fields = ("content_hash", "place")


@admin.register(Collection)
class CollectionAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "state", "count", "freed_bytes", "requested_by", "created_at", "finished_at")
    list_filter = ("state", "dry_run")


@admin.register(InferenceConfig)
class InferenceConfigAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "workspace", "kind", "environment", "created_at")
    list_filter = ("workspace", "kind")


@admin.register(Target)
class TargetAdmin(ReadOnlyAdmin):
    list_display = ("name", "workspace", "kind")
    exclude = ("secrets",)
