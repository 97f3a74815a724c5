"""Invitations over REST."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from studio.accounts.models import Invitation, Role
from studio.accounts.rest import InWorkspace
from studio.core.strict_fields import StrictFields
from studio.people import invitations


class InvitationSerializer(StrictFields, serializers.ModelSerializer):
    invited_by = serializers.CharField(source="invited_by.username", read_only=True)

    class Meta:
        model = Invitation
        fields = ["id", "role", "note", "invited_by", "created_at", "expires_at"]
        read_only_fields = ["id", "created_at", "expires_at"]


class NewInvitationSerializer(InvitationSerializer):
    link = serializers.CharField(
        read_only=True, help_text="Send it to the person. It is shown in this answer and never again."
    )

    class Meta(InvitationSerializer.Meta):
        fields = [*InvitationSerializer.Meta.fields, "link"]


class InvitationViewSet(InWorkspace, viewsets.GenericViewSet):
    """Open invitations. Whoever opens the link of one, and accepts, becomes a member."""

    read_role = write_role = Role.ADMIN
    actions_without_fields = frozenset({"destroy"})
    serializer_class = InvitationSerializer
    queryset = Invitation.objects.none()

    def list(self, request: Request, **_: Any) -> Response:
        rows = self.workspace.invitations.open().select_related("invited_by")
        return self.get_paginated_response(InvitationSerializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(responses={201: NewInvitationSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        given = InvitationSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        facts = {"role": Role.VIEWER} | given.validated_data
        made, secret = invitations.create_invitation(self.workspace, actor=self.person, **facts)
        link = request.build_absolute_uri(reverse("invitation", args=[secret]))
        return Response({**InvitationSerializer(made).data, "link": link}, status=201)

    @extend_schema(responses={204: OpenApiResponse(description="withdrawn")})
    def destroy(self, request: Request, pk: str, **_: Any) -> Response:
        invitations.withdraw_invitation(int(pk), workspace=self.workspace, actor=self.person)
        return Response(status=204)
