"""`/environments`: list, define, show, delete, build log."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry.api.serializers import author
from registry.environments import built, environments, requests
from registry.environments.lock_files import read_tail
from registry.environments.paths import environment_log_path
from registry.models import Environment, Upload
from studio.accounts.models import Role
from studio.accounts.openapi import REFERENCE, WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.strict_fields import StrictSerializer


class CondaSerializer(serializers.Serializer):
    channels = serializers.ListField(child=serializers.CharField(), required=False)
    dependencies = serializers.ListField(child=serializers.CharField(), required=False)


class EnvironmentSerializer(serializers.ModelSerializer):
    id = serializers.CharField(source="__str__", help_text="name:number")
    version = serializers.IntegerField(source="number")
    requirements = serializers.ListField(child=serializers.CharField())
    state = serializers.SerializerMethodField(help_text="ready, being made, last try failed, locked, or not made yet")
    warnings = serializers.SerializerMethodField(help_text="what is not installed as it was asked for, and why")
    description = serializers.CharField()
    variables = serializers.SerializerMethodField(help_text="exported in a service; values are hidden from viewers")
    base_image = serializers.CharField(help_text="of images; empty: the studio's own")
    dockerfile = serializers.CharField(help_text="builds the base of images, in place of base_image")
    docker_steps = serializers.ListField(child=serializers.CharField(), help_text="run on top of the base of images")
    conda = CondaSerializer(help_text="what needs conda's solver; it is installed where images are built")
    wheels = serializers.SerializerMethodField(help_text="private wheels, by file name")
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
            "description",
            "variables",
            "base_image",
            "dockerfile",
            "docker_steps",
            "conda",
            "wheels",
            "warnings",
            "definition_hash",
            "state",
            "lock",
            "created_by",
            "created_at",
        )
        read_only_fields = fields

    def get_variables(self, environment: Environment) -> dict[str, str]:
        return environments.shown_variables(environment, with_values=self.context["with_values"])

    def get_wheels(self, environment: Environment) -> list[str]:
        return [wheel.filename for wheel in environment.wheels.all()]

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
    conda = serializers.CharField(required=False, help_text="text of a conda file, in place of requirements")
    description = serializers.CharField(required=False, allow_blank=True)
    variables = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        required=False,
        help_text="exported in a service",
    )
    base_image = serializers.CharField(
        required=False, allow_blank=True, help_text="of images, such as python:3.12-slim; empty: the studio's own"
    )
    dockerfile = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="text of a Dockerfile that builds the base of images, in place of base_image",
    )
    docker_steps = serializers.ListField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        required=False,
        help_text="instructions that run on top of the base, such as RUN apt-get update",
    )
    definition = serializers.CharField(
        required=False,
        trim_whitespace=False,
        help_text="the definition as YAML, in place of the fields above: "
        "description, python, requirements, variables, base_image, dockerfile, docker_steps, conda; or a conda file",
    )
    wheels = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="private wheels, as ids of complete uploads"
    )
    base = serializers.CharField(
        required=False, help_text="name:number of an environment; what is left out is as there, and its wheels are kept"
    )


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
        registered = Environment.objects.in_workspace(self.workspace).registered()
        rows = registered.select_related("created_by").prefetch_related("wheels")
        page = built.with_built(self.paginate_queryset(rows) or [])
        return self.get_paginated_response(self._serializer(page, many=True).data)

    @extend_schema(request=DefineSerializer, responses={201: EnvironmentSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Define the next version; the newest one comes back when it is defined the same already."""
        form = DefineSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        found = requests.define(self.workspace, self.person, form.validated_data)
        Upload.objects.filter(pk__in=form.validated_data.get("wheels", ())).delete()  # their bytes are kept
        return Response(self._serializer(found).data, status=201)

    @extend_schema(parameters=[REFERENCE])
    def retrieve(self, request: Request, reference: str, **_: Any) -> Response:
        return Response(self._serializer(environments.find(self.workspace, reference)).data)

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

    def _serializer(self, *args: Any, **kwargs: Any) -> EnvironmentSerializer:
        """Values of variables are often secrets, so that viewers see names only."""
        with_values = self.role in Role.at_least(Role.CONTRIBUTOR)
        return EnvironmentSerializer(*args, **kwargs, context={"with_values": with_values})
