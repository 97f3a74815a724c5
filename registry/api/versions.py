"""`/versions`: register, list, show, edit, delete, download."""

from contextlib import nullcontext
from typing import Any

from django.db import transaction
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry.api.serializers import EditSerializer, RegisterSerializer, VersionSerializer, shown
from registry.models import ModelVersion
from registry.search.search import search_versions
from registry.store import uploads
from registry.store.downloads import archive_response, file_response, find_file
from registry.store.unpacking import unpacked
from registry.versions import registration
from studio.accounts.openapi import REFERENCE, WORKSPACE
from studio.accounts.rest import InWorkspace

FILTER = OpenApiParameter("filter", str, description="such as `area=vision,framework=onnx`")
BYTES = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


@extend_schema(tags=["versions"], parameters=[WORKSPACE])
class VersionViewSet(InWorkspace, GenericViewSet):
    queryset = ModelVersion.objects.none()
    serializer_class = VersionSerializer
    filter_backends = []  # the filter language does it
    actions_without_fields = frozenset({"destroy", "inspect"})

    @extend_schema(parameters=[FILTER])
    def list(self, request: Request, **_: Any) -> Response:
        """Versions that match, newest first."""
        rows = search_versions(self.workspace, request.query_params.get("filter", ""))
        page = self.paginate_queryset(rows.prefetch_related("files__artifact"))
        return self.get_paginated_response(shown(page or []))

    @extend_schema(request=RegisterSerializer, responses={201: VersionSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Register the next version of a model, made of complete uploads."""
        form = RegisterSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        files = uploads.find_all(self.workspace, self.person, given.pop("files"))
        given |= given.pop("resources", {})
        with unpacked(files) if given.pop("unpack") else nullcontext(files) as found:
            version = registration.register(workspace=self.workspace, actor=self.person, files=found, **given)
        return Response(shown([version])[0], status=201)

    @extend_schema(parameters=[REFERENCE])
    def retrieve(self, request: Request, reference: str, **_: Any) -> Response:
        return Response(shown([self._version(reference)])[0])

    @extend_schema(parameters=[REFERENCE], request=EditSerializer, responses=VersionSerializer)
    def partial_update(self, request: Request, reference: str, **_: Any) -> Response:
        """Edit description and tags, add properties: all of it or, when one is refused, nothing."""
        form = EditSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given, version = form.validated_data, self._version(reference)
        with transaction.atomic():
            if "description" in given:
                registration.edit_description(version, self.person, given["description"])
            if "add_tags" in given or "remove_tags" in given:
                add, remove = given.get("add_tags", {}), given.get("remove_tags", [])
                registration.edit_tags(version, self.person, add, remove)
            if given.get("add_properties"):
                registration.add_properties(version, self.person, given["add_properties"])
        return Response(shown([self._version(str(version))])[0])

    @extend_schema(parameters=[REFERENCE], responses={204: None})
    def destroy(self, request: Request, reference: str, **_: Any) -> Response:
        """Delete a version; refused while a service uses it, naming the services."""
        registration.delete_version(self._version(reference), self.person)
        return Response(status=204)

    @extend_schema(parameters=[REFERENCE], request=None, responses=VersionSerializer)
    def inspect(self, request: Request, reference: str, **_: Any) -> Response:
        """Have a rejected or damaged version inspected once more."""
        version = self._version(reference)
        registration.inspect_again(version, self.person)
        return Response(shown([version])[0])

    @extend_schema(parameters=[REFERENCE, OpenApiParameter("path", str, "path")], responses=BYTES)
    def file(self, request: Request, reference: str, path: str, **_: Any) -> HttpResponseBase:
        """Download one file; ranges of bytes are answered."""
        return file_response(request, find_file(self._version(reference), path))

    @extend_schema(parameters=[REFERENCE], responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def archive(self, request: Request, reference: str, **_: Any) -> HttpResponseBase:
        """Download all files in one zip."""
        return archive_response(self._version(reference))

    def _version(self, reference: str) -> ModelVersion:
        return registration.find_version(self.workspace, reference)
