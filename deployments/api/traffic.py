"""`/services/<name>/traffic`: which revisions run, and what each gets of the requests."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.api.parameters import LARGEST, NAME
from deployments.api.serializers import CauseSerializer
from deployments.models import Phase, Service
from deployments.services import traffic
from deployments.services.queries import find
from deployments.traffic.rules import HOSTS_LIMIT
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.strict_fields import StrictSerializer

REVISION = OpenApiParameter("revision", int, "path", description="number of a revision")


class StickySerializer(StrictSerializer):
    """What of a request decides its revision: the value of a header or of a cookie."""

    header = serializers.CharField(required=False, allow_blank=True, max_length=100)
    cookie = serializers.CharField(required=False, allow_blank=True, max_length=100)


class AskedShareSerializer(StrictSerializer):
    revision = serializers.IntegerField(min_value=1, max_value=LARGEST)
    percent = serializers.FloatField(required=False, default=0.0, help_text="of all requests, in steps of 0.01")
    mirror_percent = serializers.FloatField(
        required=False, default=0.0, help_text="of the other revisions' requests that it gets copies of"
    )


class ChangeTrafficSerializer(StrictSerializer):
    revisions = AskedShareSerializer(
        many=True,
        required=False,
        help_text="those that run, each once; the default one gets what is missing to 100 %, others stop. Left out: "
        "shares and copies stay",
    )
    default = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=LARGEST, help_text="null: it stays"
    )
    sticky = StickySerializer(required=False, help_text="{}: chance decides; left out: it stays")
    hosts = serializers.ListField(
        child=serializers.CharField(max_length=300), required=False, max_length=10 * HOSTS_LIMIT
    )
    generation = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=LARGEST,
        help_text="that the change was made for; 409 if the service has another one by now",
    )
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class PromoteSerializer(StrictSerializer):
    revision = serializers.IntegerField(min_value=1, max_value=LARGEST)


class ShadowSerializer(serializers.Serializer):
    """Of the last day."""

    compared = serializers.IntegerField(help_text="answers to copies that were compared with the callers'")
    disagreed = serializers.IntegerField(help_text="those of them that differ")
    failed = serializers.IntegerField(help_text="copies without an answer")
    dropped = serializers.IntegerField(help_text="copies that were not sent, since too many were under way")
    outputs = serializers.DictField(
        child=serializers.FloatField(), help_text="by name, the largest difference of numbers, rounded up to one digit"
    )
    slower_ms = serializers.FloatField(allow_null=True, help_text="mean time of the copies minus the callers'")


class ReplicasOfShareSerializer(serializers.Serializer):
    wanted = serializers.IntegerField()
    ready = serializers.IntegerField()
    ejected = serializers.IntegerField(help_text="that the front sends nothing, since it could not reach them")


class ShareSerializer(serializers.Serializer):
    revision = serializers.IntegerField()
    label = serializers.CharField(  # type: ignore[assignment]  # a field is no attribute of the class
        help_text="a name for requests to ask for the revision by, in x-slipway-revision"
    )
    percent = serializers.FloatField()
    mirror_percent = serializers.FloatField()
    is_default = serializers.BooleanField()
    state = serializers.ChoiceField(choices=Phase.choices)
    error = CauseSerializer(allow_null=True)
    shadow = ShadowSerializer(allow_null=True, help_text="what it made of copies; null: it got none in the last day")
    replicas = ReplicasOfShareSerializer()


class TrafficSerializer(serializers.Serializer):
    generation = serializers.IntegerField(help_text="rises with every change of the service")
    default = serializers.IntegerField(allow_null=True, help_text="null before the first revision is built")
    sticky = StickySerializer(allow_null=True)
    hosts = serializers.ListField(child=serializers.CharField())
    revisions = ShareSerializer(many=True)


@extend_schema(tags=["services"], parameters=[WORKSPACE, NAME])
class TrafficViewSet(InWorkspace, GenericViewSet):
    queryset = Service.objects.none()
    serializer_class = TrafficSerializer
    filter_backends = []
    pagination_class = None
    actions_without_fields = frozenset({"destroy", "abort"})

    def retrieve(self, request: Request, name: str, **_: Any) -> Response:
        """Shares, copies and stickiness, and how each of the revisions stands."""
        return self._shown(name)

    @extend_schema(request=ChangeTrafficSerializer)
    def update(self, request: Request, name: str, **_: Any) -> Response:
        """Change what is named. 409 while an update or a rollout is under way, for a share of a revision that has
        failed, and for a `generation` that has passed."""
        form = ChangeTrafficSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        traffic.change_traffic(find(self.workspace, name), self.person, _asked(form.validated_data))
        return self._shown(name)

    @extend_schema(request=PromoteSerializer)
    def promote(self, request: Request, name: str, **_: Any) -> Response:
        """Give all requests to one of the revisions that run, and stop the others."""
        form = PromoteSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        traffic.promote(find(self.workspace, name), self.person, form.validated_data["revision"])
        return self._shown(name)

    @extend_schema(request=None)
    def abort(self, request: Request, name: str, **_: Any) -> Response:
        """Give all requests to the default revision, and stop the others."""
        traffic.abort(find(self.workspace, name), self.person)
        return self._shown(name)

    @extend_schema(parameters=[REVISION], responses=TrafficSerializer)
    def destroy(self, request: Request, name: str, revision: int, **_: Any) -> Response:
        """Stop one of the revisions; its share goes to the default one, which itself cannot be taken out (409)."""
        traffic.take_out(find(self.workspace, name), self.person, revision)
        return self._shown(name)

    def _shown(self, name: str) -> Response:
        return Response(TrafficSerializer(traffic.describe_traffic(find(self.workspace, name))).data)


def _asked(given: dict[str, Any]) -> traffic.TrafficRequest:
    rows = given.get("revisions")
    numbers = [share["revision"] for share in rows or []]
    if len(numbers) != len(set(numbers)):
        raise traffic.BadTraffic("A revision is named twice.", hint="Name each once.", field="revisions")
    return traffic.TrafficRequest(
        percents=None if rows is None else {share["revision"]: share["percent"] for share in rows},
        mirrors={share["revision"]: share["mirror_percent"] for share in rows or []},
        default=given["default"],
        generation=given["generation"],
        sticky=given.get("sticky"),
        hosts=given.get("hosts"),
        reason=given["reason"],
    )
