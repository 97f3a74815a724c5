"""`/services/<name>/rollout`: a revision gets its share step by step while guards watch it."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.api.parameters import LARGEST, NAME
from deployments.models import RolloutPhase, Service
from deployments.rollouts.guards import AGREEMENT, Guard
from deployments.rollouts.steps import Step
from deployments.services import rollouts
from deployments.services.queries import find
from deployments.services.rollouts import DEFAULT_STEPS, LONGEST_BAKE, STEPS_LIMIT, RolloutRequest
from studio.accounts.models import User
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.errors import BadInput
from studio.core.strict_fields import StrictSerializer

DEFAULT_PERCENTS = ", ".join(f"{step.percent:g}" for step in DEFAULT_STEPS)


GUARD_KINDS = [(kind, kind) for kind in ("errors", "client_errors", "time", "agreement", "event")]


class RolloutStepSerializer(StrictSerializer):
    percent = serializers.FloatField(min_value=0, max_value=100)
    mirror_percent = serializers.FloatField(
        min_value=0,
        max_value=100,
        required=False,
        default=0.0,
        help_text="of the requests that it gets copies of; the first steps may be of copies alone, with 0 percent",
    )
    bake_seconds = serializers.FloatField(min_value=0, max_value=LONGEST_BAKE, required=False, default=300.0)


class GuardSerializer(StrictSerializer):
    kind = serializers.ChoiceField(choices=GUARD_KINDS)
    ratio = serializers.FloatField(
        required=False, min_value=1, max_value=100, help_text="times the revision before that is still good; 1.25"
    )
    difference = serializers.FloatField(
        required=False,
        min_value=0.0001,
        max_value=1,
        help_text="share of requests more that is still good; 0.002. Of agreement: of answers that differ; 0.005",
    )
    metric = serializers.ChoiceField(
        choices=["infer", "latency"], required=False, help_text="infer: in the model, whatever the load; the default"
    )
    quantile = serializers.FloatField(required=False, min_value=0.5, max_value=0.999, help_text="0.95")
    event = serializers.RegexField(
        r"^[A-Za-z0-9._-]{1,63}$", required=False, help_text="of kind event: a name that the entry script logs"
    )
    better = serializers.ChoiceField(
        choices=["lower", "higher"], required=False, help_text="which share of requests with the event; lower"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["kind"] == "event") != bool(attrs.get("event")):
            raise BadInput("A guard of kind event names its event, and no other does.", field="guards")
        return attrs


class StartRolloutSerializer(StrictSerializer):
    revision = serializers.IntegerField(min_value=1, max_value=LARGEST)
    steps = serializers.ListField(
        child=RolloutStepSerializer(),
        required=False,
        max_length=STEPS_LIMIT,
        help_text=f"default: {DEFAULT_PERCENTS} %",
    )
    guards = serializers.ListField(
        child=GuardSerializer(), required=False, max_length=10, help_text="default: errors, and the time in the model"
    )
    warm_requests = serializers.IntegerField(
        required=False, default=200, min_value=0, max_value=1_000_000, help_text="first ones, whose times do not count"
    )
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class ShownRolloutStepSerializer(serializers.Serializer):
    percent = serializers.FloatField()
    mirror_percent = serializers.FloatField(help_text="of the requests that the new revision gets copies of")
    bake_seconds = serializers.FloatField()
    expected_seconds = serializers.FloatField(allow_null=True, help_text="with the present traffic; null: without end")


class StandingSerializer(serializers.Serializer):
    name = serializers.CharField()
    figure = serializers.FloatField(allow_null=True, help_text="of the new revision; null: too little was seen")
    low = serializers.FloatField(allow_null=True, help_text="with high: bounds of the figure, at any time with 95 %")
    high = serializers.FloatField(allow_null=True, help_text="null: not bounded yet")
    limit = serializers.FloatField(allow_null=True)
    control = serializers.FloatField(
        allow_null=True, help_text="of the revision before: errors in the same moments, times lately"
    )
    unit = serializers.CharField()
    requests = serializers.IntegerField()
    verdict = serializers.ChoiceField(
        choices=["beyond", "good", "unknown"], help_text="good: shown in this step; unknown: not enough data yet"
    )


class RolloutSerializer(serializers.Serializer):
    revision = serializers.IntegerField()
    control = serializers.IntegerField(help_text="the revision before, which it is compared with")
    phase = serializers.ChoiceField(choices=RolloutPhase.choices)
    paused = serializers.BooleanField()
    percent = serializers.FloatField(help_text="that the new revision gets now")
    step = serializers.IntegerField(help_text="from 1; 0 before it has begun")
    steps = ShownRolloutStepSerializer(many=True)
    baked_seconds = serializers.FloatField(help_text="of the present step")
    seconds_left = serializers.IntegerField(
        allow_null=True, help_text="until the step has probably shown what it has to; null: not with this traffic"
    )
    requests = serializers.IntegerField(help_text="that the new revision answered in the present step")
    guards = StandingSerializer(many=True)
    why = serializers.CharField(help_text="what it waits for, or how it ended")
    warning = serializers.CharField(help_text="that the traffic is too little for these steps")
    reason = serializers.CharField()
    started_by = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


@extend_schema(tags=["services"], parameters=[WORKSPACE, NAME])
class RolloutViewSet(InWorkspace, GenericViewSet):
    queryset = Service.objects.none()
    serializer_class = RolloutSerializer
    filter_backends = []
    pagination_class = None
    actions_without_fields = frozenset({"pause", "resume", "advance", "abort"})

    def retrieve(self, request: Request, name: str, **_: Any) -> Response:
        """The rollout that is under way, or the last one; 404 if there was none."""
        return self._shown(name)

    @extend_schema(request=StartRolloutSerializer, responses={201: RolloutSerializer})
    def create(self, request: Request, name: str, **_: Any) -> Response:
        """Start one. It advances by itself, and goes back by itself. 409 while another operation is under way."""
        form = StartRolloutSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        rollouts.start(find(self.workspace, name), self.person, _asked(form.validated_data))
        return self._shown(name, status=201)

    @extend_schema(request=None)
    def pause(self, request: Request, name: str, **_: Any) -> Response:
        """Have the clock stand. Guards watch on, and may roll back."""
        return self._do(rollouts.pause, name)

    @extend_schema(request=None)
    def resume(self, request: Request, name: str, **_: Any) -> Response:
        """Go on after a pause; a step that is held gets its time once more."""
        return self._do(rollouts.resume, name)

    @extend_schema(request=None)
    def advance(self, request: Request, name: str, **_: Any) -> Response:
        """Go to the next step now, whatever the present one has shown."""
        return self._do(rollouts.advance, name)

    @extend_schema(request=None)
    def abort(self, request: Request, name: str, **_: Any) -> Response:
        """Give all requests back to the revision before, at once."""
        return self._do(rollouts.abort, name)

    def _do(self, verb: Callable[[Service, User], None], name: str) -> Response:
        verb(find(self.workspace, name), self.person)
        return self._shown(name)

    def _shown(self, name: str, status: int = 200) -> Response:
        shown = rollouts.describe_rollout(find(self.workspace, name))
        return Response(RolloutSerializer(shown).data, status=status)


def _with_usual(guard: dict[str, Any]) -> dict[str, Any]:
    return {"difference": AGREEMENT} | guard if guard["kind"] == "agreement" else guard


def _asked(given: dict[str, Any]) -> RolloutRequest:
    facts = {key: given[key] for key in ("revision", "warm_requests", "reason")}
    if "steps" in given:
        facts["steps"] = tuple(Step(**step) for step in given["steps"])
    if "guards" in given:
        facts["guards"] = tuple(Guard(**_with_usual(guard)) for guard in given["guards"])
    return RolloutRequest(**facts)
