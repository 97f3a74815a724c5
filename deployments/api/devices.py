"""`/targets/<target>/devices`: list, add, label, new keys, remove; `/device-rollouts`: how far releases are."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.edge import device_rollouts, devices
from deployments.edge.standing import describe_devices, describe_rollouts
from deployments.models import Device, DeviceRollout
from deployments.services import targets
from deployments.services.queries import find
from studio.accounts.models import Role
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.strict_fields import StrictSerializer

TARGET = OpenApiParameter("name", str, "path", description="name of the target")


class DeviceServiceSerializer(serializers.Serializer):
    service = serializers.CharField()
    desired = serializers.IntegerField(allow_null=True, help_text="revision that the device is to run")
    running = serializers.IntegerField(allow_null=True, help_text="revision that answers there, as it told last")
    state = serializers.CharField(help_text="running, starting, updating, fetching, failed, stopping or unknown")
    problem = serializers.JSONField(allow_null=True, help_text="why it does not run: code, message, hint")


class DeviceSerializer(serializers.Serializer):
    name = serializers.CharField()
    labels = serializers.ListField(child=serializers.CharField())
    key_hint = serializers.CharField(help_text="how its key begins; empty: it was revoked")
    online = serializers.BooleanField(help_text="seen in the last two minutes")
    last_seen_at = serializers.DateTimeField(allow_null=True)
    problem = serializers.JSONField(allow_null=True, help_text="what keeps the whole device: code, message, hint")
    services = DeviceServiceSerializer(many=True)


class NewDeviceSerializer(serializers.Serializer):
    name = serializers.CharField()
    agent = serializers.DictField(help_text="agent.json of the device; its key is shown this once")


class AddDeviceSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100)
    labels = serializers.ListField(child=serializers.CharField(max_length=100), required=False, default=list)


class ChangeDeviceSerializer(StrictSerializer):
    labels = serializers.ListField(child=serializers.CharField(max_length=100), help_text="in place of those it has")


class DeviceRolloutSerializer(serializers.Serializer):
    service = serializers.CharField()
    state = serializers.CharField(help_text="rolling, stopped or done")
    stable = serializers.IntegerField(allow_null=True, help_text="revision of the devices that no wave has reached")
    next = serializers.IntegerField(allow_null=True, help_text="revision that is rolled out")
    wave = serializers.CharField(allow_null=True, help_text="the one under way, such as 25%")
    waves = serializers.ListField(child=serializers.CharField())
    reached = serializers.IntegerField(help_text="devices of the waves so far")
    healthy = serializers.IntegerField(help_text="of these, those that run it")
    failed = serializers.IntegerField(help_text="of these, those where it does not run")
    reason = serializers.CharField(help_text="why it was stopped")


@extend_schema(tags=["edge"], parameters=[WORKSPACE, TARGET])
class DeviceViewSet(InWorkspace, GenericViewSet):
    queryset = Device.objects.none()
    serializer_class = DeviceSerializer
    filter_backends = []
    write_role = Role.ADMIN
    actions_without_fields = frozenset({"destroy", "regenerate_key", "revoke_key"})

    def list(self, request: Request, name: str, **_: Any) -> Response:
        """The devices of an edge target by name: when they were seen, what they are to run and what they run."""
        target = targets.find_target(self.workspace, name)
        page = self.paginate_queryset(target.devices.order_by("name")) or []
        return self.get_paginated_response(DeviceSerializer(describe_devices(target, page), many=True).data)

    @extend_schema(request=AddDeviceSerializer, responses={201: NewDeviceSerializer})
    def create(self, request: Request, name: str, **_: Any) -> Response:
        """Add a device. The answer is the only place where its key ever stands."""
        form = AddDeviceSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        target = targets.find_target(self.workspace, name)
        return _with_key(*devices.add_device(target, self.person, **form.validated_data), status=201)

    def retrieve(self, request: Request, name: str, device: str, **_: Any) -> Response:
        return self._shown(self._found(name, device))

    @extend_schema(request=ChangeDeviceSerializer, responses=DeviceSerializer)
    def partial_update(self, request: Request, name: str, device: str, **_: Any) -> Response:
        """Give the device other labels, by which waves find it."""
        form = ChangeDeviceSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        found = self._found(name, device)
        devices.label_device(found, self.person, form.validated_data["labels"])
        return self._shown(found)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, name: str, device: str, **_: Any) -> Response:
        """Forget the device; what runs there goes on, and is told nothing more."""
        devices.remove_device(self._found(name, device), self.person)
        return Response(status=204)

    @extend_schema(request=None, responses=NewDeviceSerializer)
    def regenerate_key(self, request: Request, name: str, device: str, **_: Any) -> Response:
        """A new key; the old one stops working at once."""
        found = self._found(name, device)
        return _with_key(found, devices.regenerate_key(found, self.person))

    @extend_schema(request=None, responses=DeviceSerializer)
    def revoke_key(self, request: Request, name: str, device: str, **_: Any) -> Response:
        """Answer the device no more, until it has a new key."""
        found = self._found(name, device)
        devices.revoke_key(found, self.person)
        return self._shown(found)

    def _found(self, name: str, device: str) -> Device:
        return devices.find_device(targets.find_target(self.workspace, name), device)

    def _shown(self, device: Device) -> Response:
        (shown,) = describe_devices(device.target, [device])
        return Response(DeviceSerializer(shown).data)


@extend_schema(tags=["edge"], parameters=[WORKSPACE, TARGET])
class DeviceRolloutViewSet(InWorkspace, GenericViewSet):
    queryset = DeviceRollout.objects.none()
    serializer_class = DeviceRolloutSerializer
    filter_backends = []
    pagination_class = None
    actions_without_fields = frozenset({"resume"})

    def list(self, request: Request, name: str, **_: Any) -> Response:
        """How far each service of an edge target is on its devices."""
        rows = describe_rollouts(targets.find_target(self.workspace, name))
        return Response(DeviceRolloutSerializer(rows, many=True).data)

    @extend_schema(request=None, responses=DeviceRolloutSerializer(many=True))
    def resume(self, request: Request, name: str, service: str, **_: Any) -> Response:
        """Go on with a roll-out that was stopped: devices where the release failed try it again."""
        target = targets.find_target(self.workspace, name)
        device_rollouts.resume(target, find(self.workspace, service), self.person)
        return Response(DeviceRolloutSerializer(describe_rollouts(target), many=True).data)


def _with_key(device: Device, key: str, status: int = 200) -> Response:
    made = {"name": device.name, "agent": devices.agent_settings(device, key)}
    headers = {"Cache-Control": "no-store"}
    return Response(NewDeviceSerializer(made).data, status=status, headers=headers)
