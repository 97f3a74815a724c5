"""`/services/<name>/scale`: how many replicas a service has, and figures above those of its revisions."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.api.parameters import NAME
from deployments.models import Service
from deployments.services.queries import find
from deployments.services.scaling import CHECKED, change_scaling, describe_scaling
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.errors import BadInput
from studio.core.strict_fields import StrictSerializer


def _figure(name: str) -> serializers.IntegerField:
    """A field whose range is that of the table of options."""
    one = CHECKED[name]
    low, high = int(one.low or 0), int(one.high or 0)
    return serializers.IntegerField(
        required=False, allow_null=True, min_value=low, max_value=high, help_text=one.summary()
    )


class ScaleSerializer(StrictSerializer):
    """Figures to set, or `reset` to have those of the revisions again."""

    replicas = _figure("replicas")
    min_replicas = _figure("min_replicas")
    max_replicas = _figure("max_replicas")
    target_utilization = _figure("target_utilization")
    scaling_seconds = _figure("scaling_seconds")
    idle_seconds = _figure("idle_seconds")
    reset = serializers.BooleanField(required=False, default=False)
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class ReplicasSerializer(serializers.Serializer):
    revision = serializers.IntegerField()
    replicas = serializers.IntegerField(help_text="that should run; 0: it sleeps")


class ScalingSerializer(serializers.Serializer):
    fixed = serializers.BooleanField()
    min_replicas = serializers.IntegerField()
    max_replicas = serializers.IntegerField()
    target_utilization = serializers.IntegerField(help_text="per cent")
    scaling_seconds = serializers.FloatField()
    idle_seconds = serializers.FloatField()
    overridden = serializers.BooleanField(help_text="whether figures are set above those of the revisions")
    summary = serializers.CharField(help_text="for people, as: 1 to 10 replicas at 70 %")
    replicas = ReplicasSerializer(many=True, help_text="of each revision that runs")
    changed_at = serializers.DateTimeField(allow_null=True, help_text="when the load last changed a number")
    why = serializers.CharField(allow_blank=True)


@extend_schema(tags=["services"], parameters=[WORKSPACE, NAME])
class ScalingViewSet(InWorkspace, GenericViewSet):
    queryset = Service.objects.none()
    serializer_class = ScalingSerializer
    filter_backends = []
    pagination_class = None

    def retrieve(self, request: Request, name: str, **_: Any) -> Response:
        """How many replicas there may be and are, and why the number last changed."""
        return self._shown(name)

    @extend_schema(request=ScaleSerializer, responses=ScalingSerializer)
    def create(self, request: Request, name: str, **_: Any) -> Response:
        """Change the number in place, without a new revision; also while an update or a rollout is under way."""
        form = ScaleSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = dict(form.validated_data)
        reset, reason = given.pop("reset"), given.pop("reason")
        figures = {figure: value for figure, value in given.items() if value is not None}
        if reset == bool(figures):
            raise BadInput(
                "Name figures, or reset, and not both.", hint='For example: {"replicas": 4}.', field="replicas"
            )
        change_scaling(find(self.workspace, name), self.person, figures, reason=reason)
        return self._shown(name)

    def _shown(self, name: str) -> Response:
        return Response(ScalingSerializer(describe_scaling(find(self.workspace, name))).data)
