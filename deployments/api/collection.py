"""`/admin/collection`: remove what nothing uses any more, for administrators of the studio."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deployments.collection import collect
from deployments.collection.report import describe
from deployments.models import Collection
from studio.accounts.rest import ForAdministrators
from studio.core.strict_fields import StrictSerializer


class CollectionInput(StrictSerializer):
    dry_run = serializers.BooleanField(default=True, help_text="true, the default: nothing is removed")


class CollectedItemSerializer(serializers.Serializer):
    kind = serializers.CharField(help_text="bundle, environment, library, upload, artifact or draft")
    name = serializers.CharField()
    why = serializers.CharField(help_text="why nothing needs it")
    unused_since = serializers.DateTimeField()
    bytes = serializers.IntegerField(help_text="bytes of disk that its removal frees")


class CollectionSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    state = serializers.CharField(help_text="queued, running, succeeded, failed or cancelled")
    dry_run = serializers.BooleanField()
    count = serializers.IntegerField(help_text="how many things were, or would be, removed")
    freed_bytes = serializers.IntegerField()
    kinds = serializers.DictField(help_text="count and bytes of each kind")
    items = CollectedItemSerializer(many=True, help_text="the first 500")
    problems = serializers.ListField(child=serializers.CharField(), help_text="what could not be removed, and why")
    error = serializers.JSONField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


@extend_schema(tags=["administration"])
class CollectionsView(ForAdministrators, APIView):
    @extend_schema(request=CollectionInput, responses={202: CollectionSerializer}, operation_id="admin_collect")
    def post(self, request: Request) -> Response:
        """Remove what nothing uses any more, or with `dry_run` say what that is. A worker does it: ask for its end."""
        given = CollectionInput(data=request.data)
        given.is_valid(raise_exception=True)
        made = collect.request_collection(self.person, dry_run=given.validated_data["dry_run"])
        return Response(CollectionSerializer(describe(made)).data, status=202)


@extend_schema(tags=["administration"])
class CollectionView(ForAdministrators, APIView):
    @extend_schema(responses=CollectionSerializer, operation_id="admin_collection")
    def get(self, request: Request, pk: int, **_: Any) -> Response:
        """How a collection stands, and what it removed."""
        return Response(CollectionSerializer(describe(get_object_or_404(Collection, pk=pk))).data)
