"""`/configs`: list, create, import, show, download, delete."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.config import azure_inference_config, config_request, configs
from deployments.models import InferenceConfig
from deployments.models.config import ConfigKind
from registry.api.serializers import FileSerializer, author
from registry.models import Environment
from registry.store.downloads import file_response
from studio.accounts.models import Role
from studio.accounts.openapi import REFERENCE, WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.strict_fields import StrictSerializer


class ConfigSerializer(serializers.ModelSerializer):
    id = serializers.CharField(source="__str__", help_text="name:number")
    version = serializers.IntegerField(source="number")
    files = FileSerializer(many=True)
    environment: "serializers.StringRelatedField[Environment]" = serializers.StringRelatedField(
        help_text="name:number; null without code"
    )
    environment_variables = serializers.SerializerMethodField(
        help_text="that scripts see unless the deployment says otherwise; viewers do not see the values"
    )
    created_by = author()

    class Meta:
        model = InferenceConfig
        fields = (
            "id",
            "name",
            "version",
            "kind",
            "description",
            "entry_script",
            "files",
            "environment",
            "environment_variables",
            "created_by",
            "created_at",
        )
        read_only_fields = fields

    def get_environment_variables(self, config: InferenceConfig) -> dict[str, str]:
        return configs.shown_variables(config, with_values=self.context["with_values"])


class CreateConfigSerializer(StrictSerializer):
    """`files` are ids of complete uploads; an upload's path is the file's place among the sources.

    With `base`, what is left out is as in that config.
    """

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=ConfigKind.choices, required=False, help_text="needed without base")
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    entry_script = serializers.CharField(required=False, allow_blank=True, max_length=500)
    files = serializers.ListField(child=serializers.UUIDField(), required=False)
    environment = serializers.CharField(required=False, allow_null=True, help_text="name:number")
    base = serializers.CharField(required=False, help_text="name:number of another config")
    environment_variables = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)


@extend_schema_field(OpenApiTypes.ANY)
class InferenceConfigField(serializers.JSONField):
    """The document, or its text as JSON or YAML; deployments.config.azure_inference_config judges what is in it."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, (str, dict)):
            raise serializers.ValidationError("Give the document as an object, or its text.")
        return data


class ImportConfigSerializer(StrictSerializer):
    """Azure's inferenceconfig.json, and what belongs to it."""

    inferenceconfig = InferenceConfigField(help_text="the document as an object, or its text as JSON or YAML")
    conda = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        trim_whitespace=False,
        help_text="text of the conda file that it names",
    )
    python_version = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=16, help_text="in place of the file's, such as 3.11"
    )
    name = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=120, help_text="of an environment without a name"
    )


class ImportedConfigSerializer(serializers.Serializer):
    """What the file says, as `POST configs` takes it beside name and files."""

    entry_script = serializers.CharField()
    source_directory = serializers.CharField(help_text="the folder whose files belong to the config")
    description = serializers.CharField()
    environment = serializers.CharField(allow_null=True, help_text="name:number; null where the file names none")
    environment_variables = serializers.DictField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField(), help_text="settings without effect, and why")


BYTES = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


@extend_schema(tags=["configs"], parameters=[WORKSPACE])
class ConfigViewSet(InWorkspace, GenericViewSet):
    queryset = InferenceConfig.objects.none()
    serializer_class = ConfigSerializer
    filter_backends = []
    actions_without_fields = frozenset({"destroy"})

    def list(self, request: Request, **_: Any) -> Response:
        """All versions of all inference configs, by name."""
        rows = (
            InferenceConfig.objects.in_workspace(self.workspace)
            .registered()
            .select_related("environment", "created_by")
        )
        page = self.paginate_queryset(rows.prefetch_related("files__artifact"))
        return self.get_paginated_response(self._serializer(page, many=True).data)

    @extend_schema(request=CreateConfigSerializer, responses={201: ConfigSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Create the next version. The script is read, never run; what would not start is refused with its line."""
        form = CreateConfigSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        facts = config_request.resolve(self.workspace, self.person, form.validated_data)
        config = configs.create(workspace=self.workspace, actor=self.person, **facts)
        return Response(self._serializer(config).data, status=201)

    @extend_schema(request=ImportConfigSerializer, responses=ImportedConfigSerializer)
    def import_file(self, request: Request, **_: Any) -> Response:
        """Read an inferenceconfig.json, and define the environment that it describes unless there is an equal one."""
        form = ImportConfigSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        found = azure_inference_config.read(given["inferenceconfig"], given["conda"], given["python_version"])
        environment = azure_inference_config.environment_of(found, self.workspace, self.person, name=given["name"])
        facts = {
            "entry_script": found.entry_script,
            "source_directory": found.source_directory,
            "description": found.description,
            "environment": environment or None,
            "environment_variables": found.environment_variables,
            "warnings": azure_inference_config.warnings_for(found),
        }
        return Response(ImportedConfigSerializer(facts).data)

    @extend_schema(parameters=[REFERENCE])
    def retrieve(self, request: Request, reference: str, **_: Any) -> Response:
        return Response(self._serializer(configs.find(self.workspace, reference)).data)

    @extend_schema(parameters=[REFERENCE], responses=OpenApiTypes.OBJECT)
    def inferenceconfig(self, request: Request, reference: str, **_: Any) -> Response:
        """The config in the shape of Azure's inferenceconfig.json."""
        config = configs.find(self.workspace, reference)
        return Response(azure_inference_config.export(config, with_values=self._sees_values))

    @extend_schema(parameters=[REFERENCE], responses={204: None})
    def destroy(self, request: Request, reference: str, **_: Any) -> Response:
        """Delete a version; 409 while a revision of a service uses it."""
        configs.delete(configs.find(self.workspace, reference), self.person)
        return Response(status=204)

    @extend_schema(parameters=[REFERENCE, OpenApiParameter("path", str, "path")], responses=BYTES)
    def file(self, request: Request, reference: str, path: str, **_: Any) -> HttpResponseBase:
        """Download one file; ranges of bytes are answered."""
        return file_response(request, configs.find_file(configs.find(self.workspace, reference), path))

    @property
    def _sees_values(self) -> bool:
        return self.role in Role.at_least(Role.CONTRIBUTOR)

    def _serializer(self, *args: Any, **kwargs: Any) -> ConfigSerializer:
        return ConfigSerializer(*args, **kwargs, context={"with_values": self._sees_values})
