"""`/targets`: list, add, show, change, check, remove; `/target-kinds`: what can be added."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from deployments.models import Target, TargetCheck
from deployments.services import targets
from deployments.targets.kinds import Setting, TargetKind, kinds
from studio.accounts.models import Role
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.strict_fields import StrictSerializer


class SettingSerializer(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not the serializer's own label
    type = serializers.CharField(help_text="text, integer, number or boolean")
    help = serializers.CharField()
    default = serializers.JSONField(allow_null=True)
    secret = serializers.BooleanField(help_text="kept encrypted, never shown")


class TargetKindSerializer(serializers.Serializer):
    kind = serializers.CharField()
    title = serializers.CharField()
    settings = SettingSerializer(many=True)


class TargetCheckSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    state = serializers.CharField(help_text="queued, running, succeeded, failed or cancelled")
    problems = serializers.ListField(
        child=serializers.CharField(), help_text="what is wrong, in words; empty when services can run there"
    )
    facts = serializers.ListField(
        child=serializers.CharField(), help_text="what else there is to know, such as how services are kept apart"
    )
    error = serializers.JSONField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class TargetSerializer(serializers.Serializer):
    name = serializers.CharField()
    kind = serializers.CharField()
    kind_title = serializers.CharField()
    settings = serializers.DictField(help_text='by name; of a secret one only {"set": true or false}')
    services = serializers.IntegerField(help_text="how many services are deployed there")
    last_check = TargetCheckSerializer(allow_null=True)


class AddTargetSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100)
    kind = serializers.CharField(max_length=32)
    settings = serializers.DictField(
        required=False, default=dict, help_text="by name; those left out have their defaults"
    )


class ChangeTargetSerializer(StrictSerializer):
    settings = serializers.DictField(help_text="by name; what is left out stays")


def describe_target(target: Target) -> dict[str, Any]:
    """A target that `services.targets` has found, as REST shows it."""
    check = targets.last_check(target)
    return {
        "name": target.name,
        "kind": target.kind,
        "kind_title": targets.kind_title(target.kind),
        "settings": {
            setting.name: {"set": value} if setting.secret else value
            for setting, value in targets.shown_settings(target)
        },
        "services": targets.service_count(target),
        "last_check": describe_check(check) if check else None,
    }


def describe_check(check: TargetCheck) -> dict[str, Any]:
    """A check as REST shows it."""
    names = ("id", "state", "problems", "facts", "error", "created_at", "finished_at")
    return {name: getattr(check, name) for name in names}


@extend_schema(tags=["targets"], parameters=[WORKSPACE])
class TargetViewSet(InWorkspace, GenericViewSet):
    queryset = Target.objects.none()
    serializer_class = TargetSerializer
    filter_backends = []
    write_role = Role.ADMIN
    action_roles = {"check": Role.CONTRIBUTOR}
    actions_without_fields = frozenset({"destroy", "check"})

    def list(self, request: Request, **_: Any) -> Response:
        """The places where services of the workspace can run."""
        page = self.paginate_queryset(targets.list_targets(self.workspace)) or []
        return self.get_paginated_response(TargetSerializer([describe_target(one) for one in page], many=True).data)

    @extend_schema(request=AddTargetSerializer, responses={201: TargetSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Add a target. A worker checks at once whether services can run there: see `last_check`."""
        form = AddTargetSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = targets.add_target(self.workspace, self.person, **form.validated_data)
        shown = targets.find_target(self.workspace, made.name)
        return Response(TargetSerializer(describe_target(shown)).data, status=201)

    def retrieve(self, request: Request, name: str, **_: Any) -> Response:
        return Response(TargetSerializer(describe_target(targets.find_target(self.workspace, name))).data)

    @extend_schema(request=ChangeTargetSerializer, responses=TargetSerializer)
    def partial_update(self, request: Request, name: str, **_: Any) -> Response:
        """Change settings; those that are left out stay."""
        form = ChangeTargetSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        targets.change_settings(targets.find_target(self.workspace, name), self.person, form.validated_data["settings"])
        return Response(TargetSerializer(describe_target(targets.find_target(self.workspace, name))).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, name: str, **_: Any) -> Response:
        """Remove a target that no service uses."""
        targets.remove_target(targets.find_target(self.workspace, name), self.person)
        return Response(status=204)

    @extend_schema(request=None, responses={202: TargetCheckSerializer})
    def check(self, request: Request, name: str, **_: Any) -> Response:
        """Test the connection. A worker does it: ask for the target's `last_check` until it has ended."""
        found = targets.check_target(targets.find_target(self.workspace, name), self.person)
        return Response(TargetCheckSerializer(describe_check(found)).data, status=202)


@extend_schema(tags=["targets"], parameters=[WORKSPACE])
class TargetKindsView(InWorkspace, APIView):
    @extend_schema(responses=TargetKindSerializer(many=True), operation_id="target_kinds")
    def get(self, request: Request, **_: Any) -> Response:
        """The kinds of targets that can be added, each with its settings."""
        return Response(TargetKindSerializer([_described(kind) for kind in kinds()], many=True).data)


def _described(kind: TargetKind) -> dict[str, Any]:
    return {"kind": kind.name, "title": kind.title, "settings": [_setting(setting) for setting in kind.settings]}


def _setting(setting: Setting) -> dict[str, Any]:
    names = ("name", "label", "type", "help", "default", "secret")
    return {name: getattr(setting, name) for name in names}
