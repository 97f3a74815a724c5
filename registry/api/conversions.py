"""`/conversions`: versions measured as ONNX in several variants, and the variants made versions."""

import json
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry.api.serializers import VersionSerializer, shown
from registry.conversion import conversions
from registry.conversion.conversions import ConversionRequest
from registry.conversion.registering import find_variant, register_variant
from registry.conversion.variant_names import VARIANTS
from registry.models import Conversion
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.strict_fields import StrictSerializer

GOALS = (("", "what fits"), ("convert", "to ONNX"), ("optimise", "a version that is ONNX"))


class VariantSerializer(serializers.Serializer):
    name = serializers.CharField()
    verdict = serializers.CharField(help_text="recommended, works, slower, refused, failed or not tried")
    reason = serializers.CharField()
    speed_up_one = serializers.FloatField(source="one", allow_null=True, help_text="over the original, for one row")
    speed_up_many = serializers.FloatField(source="many", allow_null=True, help_text="the same for many rows")
    largest_difference = serializers.FloatField(
        source="largest", allow_null=True, help_text="of probabilities; of other numbers as a share of their range"
    )
    changed = serializers.IntegerField(allow_null=True, help_text="rows that are decided otherwise")
    facts = serializers.DictField(help_text="title, size in bytes, load_seconds, groups, warnings, paces, tolerance")
    version = serializers.CharField(allow_null=True, help_text="what was registered of it, as name:number")


class ConversionSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    model = serializers.CharField(source="version", help_text="the original, as name:number")
    goal = serializers.SerializerMethodField(help_text="convert or optimise")
    state = serializers.CharField(help_text="queued, running, succeeded, failed or cancelled")
    step = serializers.CharField()
    progress = serializers.FloatField(help_text="0 to 1")
    error = serializers.JSONField(allow_null=True)
    environment = serializers.CharField(allow_null=True, help_text="that was named; null: made of what the files tell")
    tolerance = serializers.FloatField(allow_null=True)
    original = serializers.DictField(source="result", help_text="title, rows, kinds, metric and score, paces, notes")
    variants = serializers.SerializerMethodField()
    recommended = serializers.CharField(source="recommended.name", default=None, allow_null=True)
    new_version = serializers.CharField(allow_null=True, help_text="the first that was registered, as name:number")
    requested_by = serializers.CharField(allow_null=True, help_text="null when their account is gone")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_goal(self, conversion: Conversion) -> str:
        return "optimise" if conversion.is_optimisation else "convert"

    def get_variants(self, conversion: Conversion) -> list[dict[str, Any]]:
        return list(VariantSerializer(conversion.variants.all(), many=True).data)


class RequestConversionSerializer(StrictSerializer):
    model = serializers.CharField(help_text="a version, such as wine:1")
    goal = serializers.ChoiceField(GOALS, required=False, default="", allow_blank=True)
    variants = serializers.ListField(
        child=serializers.CharField(), required=False, default=list, help_text=f"some of {', '.join(VARIANTS)}"
    )
    environment = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="in which the model loads; converters are added"
    )
    rows = serializers.JSONField(
        required=False, default=None, allow_null=True, help_text="rows to compare on: CSV as a text, or JSON rows"
    )
    label = serializers.CharField(  # type: ignore[assignment]
        required=False, default="", allow_blank=True, max_length=200, help_text="the column of true answers in rows"
    )
    tolerance = serializers.FloatField(
        required=False, default=None, allow_null=True, help_text="largest shift of answers; left out: by variant"
    )
    register = serializers.BooleanField(
        required=False, default=False, help_text="make the recommended variant a version at once"
    )


@extend_schema(tags=["conversions"], parameters=[WORKSPACE])
class ConversionViewSet(InWorkspace, GenericViewSet):
    queryset = Conversion.objects.none()
    serializer_class = ConversionSerializer
    filter_backends = []
    actions_without_fields = frozenset({"cancel", "register"})

    def list(self, request: Request, **_: Any) -> Response:
        """Conversions of the workspace, newest first."""
        page = self.paginate_queryset(conversions.conversions_of(self.workspace)) or []
        return self.get_paginated_response(ConversionSerializer(page, many=True).data)

    @extend_schema(request=RequestConversionSerializer, responses={202: ConversionSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Have a worker convert or optimise a version; ask for the conversion until it has succeeded."""
        form = RequestConversionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        rows = given.pop("rows")
        content = rows.encode() if isinstance(rows, str) else b"" if rows is None else json.dumps(rows).encode()
        asked = ConversionRequest(
            **given | {"variants": tuple(given["variants"])},
            rows=content,
            rows_name="rows.csv" if isinstance(rows, str) else "rows.json",
        )
        made = conversions.request_conversion(self.workspace, self.person, asked)
        return Response(self._shown(made.pk), status=202)

    def retrieve(self, request: Request, pk: int, **_: Any) -> Response:
        return Response(self._shown(pk))

    @extend_schema(request=None, responses=ConversionSerializer)
    def cancel(self, request: Request, pk: int, **_: Any) -> Response:
        """Stop it within seconds; one that has ended stays as it is."""
        conversions.cancel(conversions.find_conversion(self.workspace, pk))
        return Response(self._shown(pk))

    @extend_schema(
        request=None,
        responses={201: VersionSerializer},
        parameters=[OpenApiParameter("variant", str, "path", description="its name, such as onnx")],
    )
    def register(self, request: Request, pk: int, variant: str, **_: Any) -> Response:
        """Make a variant that passed its gates the next version of the model."""
        found = find_variant(conversions.find_conversion(self.workspace, pk), variant)
        return Response(shown([register_variant(found, self.person)])[0], status=201)

    def _shown(self, pk: int) -> Any:
        return ConversionSerializer(conversions.find_conversion(self.workspace, pk)).data
