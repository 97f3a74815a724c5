"""`/services/<name>/edge-exports`: a revision as an archive that starts on a device; `/signing-key`."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from deployments.api.parameters import NAME
from deployments.builds.job_files import file_response
from deployments.edge import exports, iot_manifest, signing
from deployments.models import EdgeExport
from deployments.services.queries import find
from studio.accounts.models import Role
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.errors import BadInput
from studio.core.strict_fields import StrictSerializer

REVISION = OpenApiParameter("revision", int, description="left out: the wanted one")


class EdgeExportSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    revision = serializers.IntegerField(source="revision.number")
    state = serializers.CharField(help_text="queued, running, succeeded, failed or cancelled")
    step = serializers.CharField()
    progress = serializers.FloatField(help_text="0 to 1")
    error = serializers.JSONField(allow_null=True)
    filename = serializers.CharField()
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField(source="digest", help_text="of the file; empty until it is there")
    can_be_downloaded = serializers.BooleanField(help_text="false while it is made, and after a week")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class RequestExportSerializer(StrictSerializer):
    revision = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**31 - 1, help_text="left out: the wanted one"
    )


class SigningKeySerializer(serializers.Serializer):
    public_key = serializers.CharField(help_text="Ed25519, base64 of 32 bytes")
    pem = serializers.CharField(help_text="the same as a PEM file")


@extend_schema(tags=["edge"], parameters=[WORKSPACE, NAME])
class EdgeExportViewSet(InWorkspace, GenericViewSet):
    """Archives hold environment variables of the deployment: they are for those who may change it."""

    queryset = EdgeExport.objects.none()
    serializer_class = EdgeExportSerializer
    filter_backends = []
    action_roles = {"file": Role.CONTRIBUTOR}

    def list(self, request: Request, name: str, **_: Any) -> Response:
        """Exports of the service, newest first."""
        page = self.paginate_queryset(exports.exports_of(find(self.workspace, name))) or []
        return self.get_paginated_response(EdgeExportSerializer(page, many=True).data)

    @extend_schema(request=RequestExportSerializer, responses={202: EdgeExportSerializer})
    def create(self, request: Request, name: str, **_: Any) -> Response:
        """Have a worker pack a revision that is built; ask for the export until it has succeeded."""
        form = RequestExportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        number = form.validated_data.get("revision")
        made = exports.request_export(find(self.workspace, name), self.person, number)
        return Response(EdgeExportSerializer(made).data, status=202)

    def retrieve(self, request: Request, name: str, pk: int, **_: Any) -> Response:
        return Response(EdgeExportSerializer(exports.find_export(find(self.workspace, name), pk)).data)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def file(self, request: Request, name: str, pk: int, **_: Any) -> HttpResponseBase:
        """The archive; a `Range` goes on with a download that broke off."""
        return file_response(request, exports.find_export(find(self.workspace, name), pk))


@extend_schema(tags=["edge"], parameters=[WORKSPACE, NAME, REVISION])
class IotEdgeManifestView(InWorkspace, APIView):
    """With environment variables of the deployment: for those who may change it."""

    read_role = Role.CONTRIBUTOR

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="iot_edge_manifest")
    def get(self, request: Request, name: str, **_: Any) -> Response:
        """A deployment manifest for Azure IoT Edge with the revision's image as a module; 409 where no registry has
        it. Credentials of the registry are placeholders."""
        revision = exports.revision_of(find(self.workspace, name), _number(request))
        return Response(iot_manifest.manifest_of(revision))


def _number(request: Request) -> int | None:
    text = request.query_params.get("revision", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadInput(f"'{text[:50]}' is no number of a revision.", field="revision")
    return int(text)


@extend_schema(tags=["edge"], parameters=[WORKSPACE])
class SigningKeyView(InWorkspace, APIView):
    @extend_schema(responses=SigningKeySerializer, operation_id="signing_key")
    def get(self, request: Request, **_: Any) -> Response:
        """The public key that devices check archives and documents of this studio with."""
        found = {"public_key": signing.public_key(), "pem": signing.public_key_pem()}
        return Response(SigningKeySerializer(found).data)
