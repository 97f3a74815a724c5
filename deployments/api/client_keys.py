"""`/services/<name>/client-keys`: keys of single clients, with expiry and quotas."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.api.parameters import NAME
from deployments.models import ClientKey
from deployments.services.client_keys import (
    Limits,
    change_client_key,
    create_client_key,
    delete_client_key,
    find_client_key,
    regenerate_client_key,
)
from deployments.services.key_use import Use, use_by_key
from deployments.services.queries import find
from studio.accounts.models import Role
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.errors import BadInput
from studio.core.strict_fields import StrictSerializer

KEY = OpenApiParameter("key", str, "path", description="the key's name")
LONGEST_DAYS = 3650
USE = ("requests_today", "requests", "rows_today", "rows")


class LimitsSerializer(StrictSerializer):
    """When the key stops working (`days` from now, or `expires_at`), and its quotas of a UTC day; null: none."""

    days = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=LONGEST_DAYS)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    requests_a_day = serializers.IntegerField(required=False, allow_null=True)
    rows_a_day = serializers.IntegerField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("days") is not None and attrs.get("expires_at") is not None:
            raise BadInput("Give one of days and expires_at.", field="expires_at")
        return attrs


class NewKeySerializer(LimitsSerializer):
    name = serializers.CharField(help_text="lower-case letters, digits and '-'")
    value = serializers.CharField(required=False, help_text="chosen by you; left out, the studio makes one")


class ClientKeySerializer(serializers.ModelSerializer):
    requests_today = serializers.IntegerField()
    requests = serializers.IntegerField(help_text="in the last 30 days")
    rows_today = serializers.IntegerField(help_text="counted for keys with a quota of rows")
    rows = serializers.IntegerField(help_text="in the last 30 days")

    class Meta:
        model = ClientKey
        fields = [
            *("name", "hint", "created_at", "expires_at", "requests_a_day", "rows_a_day"),
            *USE,
        ]

    def to_representation(self, instance: tuple[ClientKey, Use]) -> dict[str, Any]:
        key, use = instance
        for field in USE:
            setattr(key, field, getattr(use, field))
        return super().to_representation(key)


class CreatedKeySerializer(ClientKeySerializer):
    value = serializers.CharField(help_text="The key. It is shown in this answer and never again.")

    class Meta(ClientKeySerializer.Meta):
        fields = [*ClientKeySerializer.Meta.fields, "value"]


@extend_schema(tags=["services"], parameters=[WORKSPACE, NAME])
class ClientKeyViewSet(InWorkspace, GenericViewSet):
    """Keys of single clients of a service. The front takes them beside the primary and the secondary key."""

    queryset = ClientKey.objects.none()
    serializer_class = ClientKeySerializer
    filter_backends = []
    read_role = Role.CONTRIBUTOR
    actions_without_fields = frozenset({"destroy", "regenerate"})

    def list(self, request: Request, name: str, **_: Any) -> Response:
        """By name, with what came with each."""
        service = find(self.workspace, name)
        use = use_by_key(service)
        page = self.paginate_queryset(service.client_keys.order_by("name"))
        rows = [(key, use.get(key.name, Use())) for key in page or []]
        return self.get_paginated_response(ClientKeySerializer(rows, many=True).data)

    @extend_schema(request=NewKeySerializer, responses={201: CreatedKeySerializer})
    def create(self, request: Request, name: str, **_: Any) -> Response:
        """A new key; nothing shows its value again."""
        form = NewKeySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        service = find(self.workspace, name)
        key, value = create_client_key(service, self.person, given["name"], _limits(given), given.get("value"))
        return _with_value(key, value, Use(), status=201)

    @extend_schema(parameters=[KEY], request=LimitsSerializer, responses=ClientKeySerializer)
    def partial_update(self, request: Request, name: str, key: str, **_: Any) -> Response:
        """Other limits; those that are left out stay."""
        form = LimitsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        service = find(self.workspace, name)
        changed = change_client_key(
            service, self.person, key, _limits(form.validated_data, find_client_key(service, key))
        )
        return Response(ClientKeySerializer((changed, use_by_key(service).get(key, Use()))).data)

    @extend_schema(parameters=[KEY], request=None, responses=CreatedKeySerializer)
    def regenerate(self, request: Request, name: str, key: str, **_: Any) -> Response:
        """Another value; the old one stops working within seconds."""
        service = find(self.workspace, name)
        changed, value = regenerate_client_key(service, self.person, key)
        return _with_value(changed, value, use_by_key(service).get(key, Use()))

    @extend_schema(parameters=[KEY], responses={204: OpenApiResponse(description="deleted")})
    def destroy(self, request: Request, name: str, key: str, **_: Any) -> Response:
        """Requests with it are refused within seconds."""
        delete_client_key(find(self.workspace, name), self.person, key)
        return Response(status=204)


def _with_value(key: ClientKey, value: str, use: Use, *, status: int = 200) -> Response:
    shown = ClientKeySerializer((key, use)).data | {"value": value}
    return Response(shown, status=status, headers={"Cache-Control": "no-store"})


def _limits(given: dict[str, Any], before: ClientKey | None = None) -> Limits:
    return Limits(
        _expiry(given, before.expires_at if before else None),
        given.get("requests_a_day", before.requests_a_day if before else None),
        given.get("rows_a_day", before.rows_a_day if before else None),
    )


def _expiry(given: dict[str, Any], before: datetime | None) -> datetime | None:
    if given.get("days") is not None:
        return timezone.now() + timedelta(days=given["days"])
    if "expires_at" in given or "days" in given:
        moment: datetime | None = given.get("expires_at")
        return moment
    return before
