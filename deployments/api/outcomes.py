"""`/services/<name>/outcomes` and `/verdict`: what came of requests, and which revision is better for users."""

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.api.parameters import LARGEST, NAME
from deployments.models import Service
from deployments.services.outcomes import (
    MOST_AT_ONCE,
    Told,
    VerdictRequest,
    describe_verdict,
    record_outcomes,
)
from deployments.services.queries import find
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.strict_fields import StrictSerializer

VERDICTS = ["split_wrong", "not_enough_data", "better", "better_but_little", "worse", "no_difference"]
LONGEST_WAIT = 90 * 86_400


class OutcomeSerializer(StrictSerializer):
    """What came of a request. Its user is named by one of `user` and `request_id`."""

    request_id = serializers.CharField(
        required=False, default="", max_length=100, help_text="x-request-id of the answer, where the front made it"
    )
    user = serializers.CharField(
        required=False, default="", max_length=1000, help_text="the value that the user's requests stick by"
    )
    value = serializers.FloatField(help_text="1 or 0, or a number. Of several for a user the last one counts")
    name = serializers.CharField(required=False, default="outcome", max_length=63)
    time = serializers.DateTimeField(required=False, default=None, allow_null=True, help_text="default: now")


class OutcomesSerializer(StrictSerializer):
    outcomes = OutcomeSerializer(many=True, help_text=f"1 to {MOST_AT_ONCE}")


class RecordedSerializer(serializers.Serializer):
    accepted = serializers.IntegerField(help_text="kept, or kept before")
    unknown = serializers.IntegerField(help_text="those of them whose user no front has seen yet")


class VerdictQuerySerializer(StrictSerializer):
    name = serializers.CharField(required=False, default="outcome", max_length=63, help_text="of the outcome")
    matters = serializers.FloatField(
        required=False, default=0.02, min_value=1e-9, max_value=1e12, help_text="the smallest difference that does"
    )
    wait_seconds = serializers.IntegerField(
        required=False,
        default=86_400,
        min_value=1,
        max_value=LONGEST_WAIT,
        help_text="that an outcome may come after its user first did; longer than 99 % of them take",
    )
    days = serializers.IntegerField(
        required=False,
        default=1,
        min_value=1,
        max_value=90,
        help_text="that it must have gone on; 7 where weeks matter",
    )
    revision = serializers.IntegerField(required=False, default=None, min_value=1, max_value=LARGEST, allow_null=True)


class ArmSerializer(serializers.Serializer):
    revision = serializers.IntegerField()
    users = serializers.IntegerField()
    events = serializers.IntegerField(help_text="users with an outcome that is not 0")
    mean = serializers.FloatField(allow_null=True, help_text="outcome per user; without one it is 0")


class VerdictSerializer(serializers.Serializer):
    verdict = serializers.ChoiceField(choices=VERDICTS, help_text="of the candidate")
    name = serializers.CharField()
    difference = serializers.FloatField(allow_null=True, help_text="of the candidate's mean from the control's")
    half_width = serializers.FloatField(
        allow_null=True, help_text="of the difference's interval, which holds at all times together with 95 %"
    )
    matters = serializers.FloatField()
    users_needed = serializers.IntegerField(allow_null=True, help_text="of each revision, about, until it is decided")
    control = ArmSerializer()
    candidate = ArmSerializer()
    expected_share = serializers.FloatField(help_text="of the users who should have come to the candidate")
    moved_users = serializers.IntegerField(help_text="who came to both, and do not count")
    unknown_outcomes = serializers.IntegerField(help_text="of users who came to neither")
    since = serializers.DateTimeField(help_text="when the shares last changed; all begins anew there")
    days = serializers.FloatField()
    days_needed = serializers.IntegerField()


@extend_schema(tags=["services"], parameters=[WORKSPACE, NAME])
class OutcomeViewSet(InWorkspace, GenericViewSet):
    queryset = Service.objects.none()
    serializer_class = VerdictSerializer
    filter_backends = []
    pagination_class = None

    @extend_schema(request=OutcomesSerializer, responses=RecordedSerializer)
    def create(self, request: Request, name: str, **_: Any) -> Response:
        """Tell what came of requests, minutes or days later. Telling it twice is harmless. 409 for a service whose
        requests do not stick to a revision by user."""
        form = OutcomesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        told = [Told(**one) for one in form.validated_data["outcomes"]]
        return Response(record_outcomes(find(self.workspace, name), told))

    @extend_schema(parameters=[VerdictQuerySerializer])
    def retrieve(self, request: Request, name: str, **_: Any) -> Response:
        """Which of two revisions is better for users. It may be asked for as often as one likes."""
        form = VerdictQuerySerializer(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        asked = dict(form.validated_data)
        wait = timedelta(seconds=asked.pop("wait_seconds"))
        found = describe_verdict(find(self.workspace, name), VerdictRequest(wait=wait, **asked))
        return Response(VerdictSerializer(found).data)
