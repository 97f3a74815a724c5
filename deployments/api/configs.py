"""`/configs`: list, create, show."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.config import configs, inference_config_json
from deployments.models import InferenceConfig
from deployments.models.config import ConfigKind
from registry.api.serializers import FileSerializer, author
from registry.environments import environments
from registry.models import Environment
from registry.store import uploads
from studio.accounts.openapi import REFERENCE, WORKSPACE
from studio.accounts.rest import InWorkspace


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


class CreateConfigSerializer(serializers.Serializer):
    """`files` are ids of complete uploads; an upload's path is the file's place among the sources."""

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=ConfigKind.choices)
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)
    entry_script = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)
    files = serializers.ListField(child=serializers.UUIDField(), required=False, default=list)
    environment = serializers.CharField(required=False, allow_null=True, default=None, help_text="name:number")


@extend_schema(tags=["configs"], parameters=[WORKSPACE])
class ConfigViewSet(InWorkspace, GenericViewSet):
    queryset = InferenceConfig.objects.none()
    serializer_class = ConfigSerializer
    filter_backends = []

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
        given = dict(form.validated_data)
        given["files"] = uploads.find_all(self.workspace, self.person, given["files"])
        if given["environment"] is not None:
            given["environment"] = environments.find(self.workspace, given["environment"])
        config = configs.create(workspace=self.workspace, actor=self.person, **given)
        return Response(ConfigSerializer(config).data, status=201)

    @extend_schema(parameters=[REFERENCE])
    def retrieve(self, request: Request, reference: str, **_: Any) -> Response:
        return Response(ConfigSerializer(configs.find(self.workspace, reference)).data)

    @extend_schema(parameters=[REFERENCE], responses=OpenApiTypes.OBJECT)
    def inferenceconfig(self, request: Request, reference: str, **_: Any) -> Response:
        """The config in the shape of Azure's inferenceconfig.json."""
        return Response(inference_config_json.export(configs.find(self.workspace, reference)))
