"""`/profiles`: how much load model versions and revisions hold, and with which resources."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from monitoring.models import Profile
from monitoring.profiles import apply, azure, point_table
from monitoring.profiles.requests import (
    NUMBERS,
    ProfileRequest,
    ask_again,
    cancel,
    find_profile,
    profiles_of,
    request_profile,
)
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.strict_fields import StrictSerializer

MOST_REQUESTS = 1000


class ProfileSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField(help_text="empty where people gave none")
    subject = serializers.CharField(help_text="the model version, or the service and its revision")
    description = serializers.CharField()
    target = serializers.CharField()
    state = serializers.CharField(help_text="queued, running, succeeded, failed or cancelled")
    step = serializers.CharField()
    progress = serializers.FloatField(help_text="0 to 1")
    ahead = serializers.IntegerField(help_text="profiles before it, while it waits: one runs at a time")
    goal = serializers.JSONField(help_text="p99 in ms, rate in requests a second")
    limits = serializers.JSONField()
    requests = serializers.CharField(help_text="what was sent")
    cold_start_seconds = serializers.FloatField(allow_null=True)
    result = serializers.JSONField(allow_null=True)
    error = serializers.JSONField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: Profile) -> dict[str, Any]:
        ahead = instance.ahead() if instance.state == "queued" else 0
        source = instance.bodies.get("source", "")
        names = [str(name) for name in self.fields]
        facts = {name: getattr(instance, name) for name in names if name not in ("ahead", "requests", "target")}
        return facts | {"target": instance.target.name, "ahead": ahead, "requests": source}


def _number(name: str, what: str, kind: type = serializers.FloatField) -> Any:
    rule = NUMBERS[name]
    without = f"{rule.default:g}" if rule.default is not None else "what the machine has"
    return kind(
        required=False,
        allow_null=True,
        default=None,
        min_value=rule.low,
        max_value=rule.high,
        help_text=f"{what}, in {rule.unit}; without it {without}",
    )


class RequestProfileSerializer(StrictSerializer):
    model = serializers.CharField(required=False, default="", help_text="a version, such as iris:1; or a service")
    config = serializers.CharField(required=False, default="", help_text="inference config of the model's")
    service = serializers.CharField(required=False, default="")
    revision = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=2**31 - 1, help_text="of the service"
    )
    target = serializers.CharField(required=False, default="", help_text="where it is measured; else as the service's")
    name = serializers.CharField(required=False, default="", max_length=63, allow_blank=True)
    description = serializers.CharField(required=False, default="", max_length=2000, allow_blank=True)
    latency_ms = _number("latency_ms", "p99 is to stay below")
    rate = _number("rate", "load to hold")
    seconds = _number("seconds", "time to measure")
    cpu = _number("cpu", "most cores of all replicas together")
    memory_gb = _number("memory_gb", "most memory of a replica")
    replicas = _number("replicas", "most replicas", serializers.IntegerField)
    requests = serializers.ListField(
        child=serializers.CharField(max_length=4 * 1024**2, trim_whitespace=False),
        required=False,
        default=list,
        max_length=MOST_REQUESTS,
        help_text="bodies to send in turn; without any, what the model is known to take",
    )
    options = serializers.DictField(required=False, default=dict, help_text="a deployment config to begin with")


class ApplyProfileSerializer(StrictSerializer):
    service = serializers.CharField(required=False, default="", help_text="else the one that was profiled")
    reason = serializers.CharField(required=False, default="", max_length=2000, allow_blank=True)


@extend_schema(tags=["profiles"], parameters=[WORKSPACE])
class ProfileViewSet(InWorkspace, GenericViewSet):
    queryset = Profile.objects.none()
    serializer_class = ProfileSerializer
    filter_backends = []
    actions_without_fields = frozenset({"cancel", "again"})

    def list(self, request: Request, **_: Any) -> Response:
        """Profiles of the workspace, newest first."""
        page = self.paginate_queryset(profiles_of(self.workspace)) or []
        return self.get_paginated_response(ProfileSerializer(page, many=True).data)

    @extend_schema(request=RequestProfileSerializer, responses={202: ProfileSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Have a worker measure a version or a revision, apart from every service; ask for the profile until it has
        ended."""
        form = RequestProfileSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = request_profile(self.workspace, self.person, ProfileRequest(**form.validated_data))
        return Response(ProfileSerializer(made).data, status=202)

    def retrieve(self, request: Request, reference: str, **_: Any) -> Response:
        """By number or name."""
        return Response(ProfileSerializer(find_profile(self.workspace, reference)).data)

    @extend_schema(request=None, responses={200: ProfileSerializer})
    def cancel(self, request: Request, reference: str, **_: Any) -> Response:
        """End it; what was measured stays. Nothing changes where it has ended."""
        found = find_profile(self.workspace, reference)
        cancel(found, self.person)
        found.refresh_from_db()
        return Response(ProfileSerializer(found).data)

    @extend_schema(request=None, responses={202: ProfileSerializer})
    def again(self, request: Request, reference: str, **_: Any) -> Response:
        """A new profile of the same, with the same goal and limits."""
        made = ask_again(find_profile(self.workspace, reference), self.person)
        return Response(ProfileSerializer(made).data, status=202)

    @extend_schema(request=ApplyProfileSerializer, responses={200: OpenApiTypes.OBJECT})
    def apply(self, request: Request, reference: str, **_: Any) -> Response:
        """Give a service the recommended resources: a new revision of what it runs."""
        form = ApplyProfileSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        found = find_profile(self.workspace, reference)
        revision = apply.apply_to(found, self.person, **form.validated_data)
        return Response({"service": revision.service.name, "revision": revision.number})

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def azure(self, request: Request, reference: str, **_: Any) -> Response:
        """The result with the names that Azure Machine Learning gives its fields."""
        return Response(azure.as_azure(find_profile(self.workspace, reference)))

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def points(self, request: Request, reference: str, **_: Any) -> HttpResponse:
        """All measurements as CSV."""
        return point_table.csv_response(find_profile(self.workspace, reference))
