"""`/configs`: list, create, show, download, delete."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.config import config_request, configs, inference_config_json
from deployments.models import InferenceConfig
from deployments.models.config import ConfigKind
from registry.api.serializers import FileSerializer, author
from registry.models import Environment
from registry.store.downloads import file_response
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
            "created_by",
            "created_at",
        )
        read_only_fields = fields


@extend_schema_field(OpenApiTypes.OBJECT)
class InferenceConfigField(serializers.JSONField):
    """deployments.config.inference_config_json judges what is in it."""


class CreateConfigSerializer(StrictSerializer):
    """`files` are ids of complete uploads; an upload's path is the file's place among the sources.

    With `base`, what is left out is as in that config. With `inferenceconfig`, entry script, description and
    environment are as Azure's file says; an environment that it describes is defined.
    """

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(
        choices=ConfigKind.choices, required=False, help_text="needed without base and inferenceconfig"
    )
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    entry_script = serializers.CharField(required=False, allow_blank=True, max_length=500)
    files = serializers.ListField(child=serializers.UUIDField(), required=False)
    environment = serializers.CharField(required=False, allow_null=True, help_text="name:number")
    base = serializers.CharField(required=False, help_text="name:number of another config")
    inferenceconfig = InferenceConfigField(required=False, help_text="the content of an inferenceconfig.json")


BYTES = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


@extend_schema(tags=["configs"], parameters=[WORKSPACE])
class ConfigViewSet(InWorkspace, GenericViewSet):
    queryset = InferenceConfig.objects.none()
    serializer_class = ConfigSerializer
    filter_backends = []
    actions_without_fields = frozenset({"destroy"})

    def list(self, request: Request, **_: Any) -> Response:
        """All versions of all inference configs, by name."""
        rows = InferenceConfig.objects.in_workspace(self.workspace).select_related("environment", "created_by")
        page = self.paginate_queryset(rows.prefetch_related("files__artifact"))
        return self.get_paginated_response(ConfigSerializer(page, many=True).data)

    @extend_schema(request=CreateConfigSerializer, responses={201: ConfigSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Create the next version. The script is read, never run; what would not start is refused with its line."""
        form = CreateConfigSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        facts = config_request.resolve(self.workspace, self.person, form.validated_data)
        config = configs.create(workspace=self.workspace, actor=self.person, **facts)
        return Response(ConfigSerializer(config).data, status=201)

    @extend_schema(parameters=[REFERENCE])
    def retrieve(self, request: Request, reference: str, **_: Any) -> Response:
        return Response(ConfigSerializer(configs.find(self.workspace, reference)).data)

    @extend_schema(parameters=[REFERENCE], responses=OpenApiTypes.OBJECT)
    def inferenceconfig(self, request: Request, reference: str, **_: Any) -> Response:
        """The config in the shape of Azure's inferenceconfig.json."""
        return Response(inference_config_json.export(configs.find(self.workspace, reference)))

    @extend_schema(parameters=[REFERENCE], responses={204: None})
    def destroy(self, request: Request, reference: str, **_: Any) -> Response:
        """Delete a version; 409 while a revision of a service uses it."""
        configs.delete(configs.find(self.workspace, reference), self.person)
        return Response(status=204)

    @extend_schema(parameters=[REFERENCE, OpenApiParameter("path", str, "path")], responses=BYTES)
    def file(self, request: Request, reference: str, path: str, **_: Any) -> HttpResponseBase:
        """Download one file; ranges of bytes are answered."""
        return file_response(request, configs.find_file(configs.find(self.workspace, reference), path))
