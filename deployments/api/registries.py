"""`/registries`: registries of images that the workspace signs in to."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.models import ImageRegistry
from deployments.services import registries
from studio.accounts.models import Role
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.strict_fields import StrictSerializer


class RegistrySerializer(serializers.Serializer):
    name = serializers.CharField()
    address = serializers.CharField(help_text="what names of its images begin with")
    username = serializers.CharField()
    has_password = serializers.SerializerMethodField(help_text="it is kept encrypted, and never shown")
    push = serializers.BooleanField(help_text="whether images that are built are sent there")
    changed_at = serializers.DateTimeField()

    def get_has_password(self, registry: ImageRegistry) -> bool:
        return bool(registry.password)


class ChangeRegistrySerializer(StrictSerializer):
    address = serializers.CharField(max_length=255, required=False)
    username = serializers.CharField(max_length=255, required=False, allow_blank=True)
    password = serializers.CharField(max_length=4096, required=False, allow_blank=True)
    push = serializers.BooleanField(required=False)


class AddRegistrySerializer(ChangeRegistrySerializer):
    name = serializers.CharField(max_length=100)
    address = serializers.CharField(max_length=255)


@extend_schema(tags=["registries"], parameters=[WORKSPACE])
class RegistryViewSet(InWorkspace, GenericViewSet):
    queryset = ImageRegistry.objects.none()
    serializer_class = RegistrySerializer
    filter_backends = []
    write_role = Role.ADMIN
    actions_without_fields = frozenset({"destroy"})

    def list(self, request: Request, **_: Any) -> Response:
        """Registries of the workspace; passwords are never shown."""
        page = self.paginate_queryset(registries.list_registries(self.workspace)) or []
        return self.get_paginated_response(RegistrySerializer(page, many=True).data)

    @extend_schema(request=AddRegistrySerializer, responses={201: RegistrySerializer})
    def create(self, request: Request, **_: Any) -> Response:
        form = AddRegistrySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = registries.add_registry(self.workspace, self.person, **form.validated_data)
        return Response(RegistrySerializer(made).data, status=201)

    def retrieve(self, request: Request, name: str, **_: Any) -> Response:
        return Response(RegistrySerializer(registries.find_registry(self.workspace, name)).data)

    @extend_schema(request=ChangeRegistrySerializer, responses=RegistrySerializer)
    def partial_update(self, request: Request, name: str, **_: Any) -> Response:
        """Change what is given; the rest stays, the password too."""
        form = ChangeRegistrySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        registry = registries.find_registry(self.workspace, name)
        registries.change_registry(registry, self.person, **form.validated_data)
        return Response(RegistrySerializer(registry).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, name: str, **_: Any) -> Response:
        """Forget it with its password; the images there stay."""
        registries.remove_registry(registries.find_registry(self.workspace, name), self.person)
        return Response(status=204)
