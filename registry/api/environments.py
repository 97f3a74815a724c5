"""`/environments`: list, define, show, delete, build log."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry.api.serializers import author
from registry.environments import built, definitions, environments
from registry.environments.interpreters import own
from registry.environments.lock_files import read_tail
from registry.environments.paths import environment_log_path
from registry.models import Environment
from studio.accounts.openapi import REFERENCE, WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.errors import BadInput
from studio.core.strict_fields import StrictSerializer


class EnvironmentSerializer(serializers.ModelSerializer):
    id = serializers.CharField(source="__str__", help_text="name:number")
    version = serializers.IntegerField(source="number")
    requirements = serializers.ListField(child=serializers.CharField())
    state = serializers.SerializerMethodField(help_text="ready, being made, last try failed, locked, or not made yet")
    warnings = serializers.SerializerMethodField(help_text="what is not installed as it was asked for, and why")
    lock = serializers.CharField(help_text="empty until the first deployment resolves it")
    created_by = author()

    class Meta:
        model = Environment
        fields = (
            "id",
            "name",
            "version",
            "python_version",
            "requirements",
            "warnings",
            "definition_hash",
            "state",
            "lock",
            "created_by",
            "created_at",
        )
        read_only_fields = fields

    def get_state(self, environment: Environment) -> str:
        return built.state_of(environment)[0]

    def get_warnings(self, environment: Environment) -> list[str]:
        return environments.warnings_of(environment)


class DefineSerializer(StrictSerializer):
    """Either `requirements`, the lines of a requirements file, or `conda`, the text of a conda file with a pip section.

    Lines may be comments or empty, and one that ends with a backslash goes on in the next; errors tell a line by its
    place in the list. `python_version` counts more than the one that the conda file asks for.
    """

    name = serializers.CharField(max_length=120)
    python_version = serializers.CharField(max_length=16, required=False, allow_blank=True)
    requirements = serializers.ListField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False), required=False
    )
    conda = serializers.CharField(required=False)

    def definition(self) -> dict[str, Any]:
        given = self.validated_data
        if "conda" in given and "requirements" in given:
            raise BadInput("Give requirements or conda, not both.", field="conda")
        text = given["conda"] if "conda" in given else "\n".join(given.get("requirements", []))
        version, lines = definitions.read_text(text)
        version = given.get("python_version") or version or own().minor
        return {"name": given["name"], "python_version": version, "requirements": lines}


class BuildLogSerializer(serializers.Serializer):
    text = serializers.CharField(help_text="the end of what the newest attempt has written; empty where there was none")


@extend_schema(tags=["environments"], parameters=[WORKSPACE])
class EnvironmentViewSet(InWorkspace, GenericViewSet):
    queryset = Environment.objects.none()
    serializer_class = EnvironmentSerializer
    filter_backends = []
    actions_without_fields = frozenset({"destroy"})

    def list(self, request: Request, **_: Any) -> Response:
        """All versions of all environments, by name."""
        environments.curated(self.workspace)
        rows = Environment.objects.in_workspace(self.workspace).select_related("created_by")
        page = built.with_built(self.paginate_queryset(rows) or [])
        return self.get_paginated_response(EnvironmentSerializer(page, many=True).data)

    @extend_schema(request=DefineSerializer, responses={201: EnvironmentSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Define the next version; the newest one comes back when it is defined the same already."""
        form = DefineSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        found = environments.define(workspace=self.workspace, actor=self.person, **form.definition())
        return Response(EnvironmentSerializer(found).data, status=201)

    @extend_schema(parameters=[REFERENCE])
    def retrieve(self, request: Request, reference: str, **_: Any) -> Response:
        return Response(EnvironmentSerializer(environments.find(self.workspace, reference)).data)

    @extend_schema(parameters=[REFERENCE], responses={204: None})
    def destroy(self, request: Request, reference: str, **_: Any) -> Response:
        """Delete a version; 409 while an inference config uses it."""
        environments.delete(environments.find(self.workspace, reference), self.person)
        return Response(status=204)

    @extend_schema(parameters=[REFERENCE], responses=BuildLogSerializer)
    def log(self, request: Request, reference: str, **_: Any) -> Response:
        """The log of the newest attempt to build it, at most 100 kB."""
        environment = environments.find(self.workspace, reference)
        return Response({"text": read_tail(environment_log_path(environment.definition_hash))})
