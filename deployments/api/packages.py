"""`/packages`: model versions and revisions as images, or as Docker contexts, for machines without a studio."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.builds.job_files import file_response
from deployments.models import Package, PackageForm
from deployments.packages.packages import PackageRequest, find_package, packages_of, request_package
from studio.accounts.models import Role
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.strict_fields import StrictSerializer


class PackageSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    subject = serializers.CharField(help_text="the model version, or the service and its revision")
    form = serializers.CharField(help_text="image or context")
    offline = serializers.BooleanField()
    state = serializers.CharField(help_text="queued, running, succeeded, failed or cancelled")
    step = serializers.CharField()
    progress = serializers.FloatField(help_text="0 to 1")
    error = serializers.JSONField(allow_null=True)
    image = serializers.CharField(source="reference", help_text="name of the image; empty for a context")
    filename = serializers.CharField()
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField(source="digest", help_text="of the file; empty for an image, and until it is there")
    can_be_downloaded = serializers.BooleanField(help_text="false for an image, while it is made, and after a week")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class RequestPackageSerializer(StrictSerializer):
    model = serializers.CharField(required=False, default="", help_text="a version, such as iris:1; or a service")
    config = serializers.CharField(required=False, default="", help_text="inference config of the model's")
    service = serializers.CharField(required=False, default="")
    revision = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=2**31 - 1, help_text="of the service"
    )
    form = serializers.ChoiceField(PackageForm.choices, required=False, default=PackageForm.CONTEXT)
    offline = serializers.BooleanField(
        required=False, default=False, help_text="put the files of all packages into the context"
    )


@extend_schema(tags=["packages"], parameters=[WORKSPACE])
class PackageViewSet(InWorkspace, GenericViewSet):
    """Contexts hold environment variables of deployments: they are for those who may change these."""

    queryset = Package.objects.none()
    serializer_class = PackageSerializer
    filter_backends = []
    action_roles = {"file": Role.CONTRIBUTOR}

    def list(self, request: Request, **_: Any) -> Response:
        """Packages of the workspace, newest first."""
        page = self.paginate_queryset(packages_of(self.workspace)) or []
        return self.get_paginated_response(PackageSerializer(page, many=True).data)

    @extend_schema(request=RequestPackageSerializer, responses={202: PackageSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Have a worker pack a model version, or a revision; ask for the package until it has succeeded."""
        form = RequestPackageSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = request_package(self.workspace, self.person, PackageRequest(**form.validated_data))
        return Response(PackageSerializer(made).data, status=202)

    def retrieve(self, request: Request, pk: int, **_: Any) -> Response:
        return Response(PackageSerializer(find_package(self.workspace, pk)).data)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def file(self, request: Request, pk: int, **_: Any) -> HttpResponseBase:
        """The context as .tar.gz; a `Range` goes on with a download that broke off."""
        return file_response(request, find_package(self.workspace, pk))
