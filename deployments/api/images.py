"""`/images`: images that were built for services and packages, and what they are made of."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.models import BuiltImage
from deployments.services.images import document_response, find_image, images_of
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace

FILE = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


class ImageSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    models = serializers.ListField(source="models_in", child=serializers.CharField(), help_text="name:number")
    tag = serializers.CharField()
    image_id = serializers.CharField(help_text="what the engine calls it")
    digest = serializers.CharField(help_text="what the registry calls it; empty where it was not sent to one")
    reference = serializers.CharField(help_text="what targets run")
    engine = serializers.CharField(source="place", help_text="address of the engine that has it")
    base = serializers.CharField(help_text="the image below; empty for one from a Dockerfile")
    size_bytes = serializers.IntegerField()
    built_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField()


@extend_schema(tags=["images"], parameters=[WORKSPACE])
class ImageViewSet(InWorkspace, GenericViewSet):
    queryset = BuiltImage.objects.none()
    serializer_class = ImageSerializer
    filter_backends = []

    def list(self, request: Request, **_: Any) -> Response:
        """Images of the workspace, newest first."""
        page = self.paginate_queryset(images_of(self.workspace)) or []
        return self.get_paginated_response(ImageSerializer(page, many=True).data)

    def retrieve(self, request: Request, pk: int, **_: Any) -> Response:
        return Response(ImageSerializer(find_image(self.workspace, pk)).data)

    @extend_schema(responses=FILE)
    def bill(self, request: Request, pk: int, **_: Any) -> HttpResponseBase:
        """The bill of materials: CycloneDX 1.6 as JSON."""
        return document_response(request, find_image(self.workspace, pk), "bill")

    @extend_schema(responses=FILE)
    def licences(self, request: Request, pk: int, **_: Any) -> HttpResponseBase:
        """Every package with its licence, as CSV."""
        return document_response(request, find_image(self.workspace, pk), "licences")
