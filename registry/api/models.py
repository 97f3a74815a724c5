"""`/models`: the names, each with its newest version."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Exists, OuterRef
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry.api.serializers import ModelSerializer, VersionSerializer, shown
from registry.api.versions import FILTER
from registry.models import Model, ModelVersion
from registry.search.search import SORTS, search_models
from registry.versions.usage import services_of
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.errors import NotFound

NAME = OpenApiParameter("name", str, "path")


@extend_schema(tags=["models"], parameters=[WORKSPACE])
class ModelViewSet(InWorkspace, GenericViewSet):
    queryset = Model.objects.none()
    serializer_class = ModelSerializer
    filter_backends = []  # the filter language does it

    @extend_schema(parameters=[FILTER, OpenApiParameter("sort", str, enum=list(SORTS))])
    def list(self, request: Request, **_: Any) -> Response:
        """Models with a version that matches."""
        asked = request.query_params
        rows = search_models(self.workspace, asked.get("filter", ""), asked.get("sort") or "-updated")
        if not asked.get("filter", "").strip():
            rows = rows.prefetch_related(None)  # every version matches: the latest is the newest of them
        return self.get_paginated_response(_shown(self.paginate_queryset(rows) or []))

    @extend_schema(parameters=[NAME])
    def retrieve(self, request: Request, name: str, **_: Any) -> Response:
        return Response(_shown([self._model(name)])[0])

    @extend_schema(parameters=[NAME], responses=VersionSerializer(many=True))
    def versions(self, request: Request, name: str, **_: Any) -> Response:
        """All versions of one model, newest first."""
        rows = _with_everything(ModelVersion.objects.filter(model=self._model(name)).order_by("-number"))
        return self.get_paginated_response(shown(self.paginate_queryset(rows) or []))

    def _model(self, name: str) -> Model:
        found = Model.objects.in_workspace(self.workspace).filter(name=name).first()
        if found is None:
            raise NotFound(f"There is no model '{name[:300]}' in {self.workspace.slug}.")
        return found


def _shown(models: Iterable[Model]) -> list[dict[str, Any]]:
    """Models as JSON: newest version and count of each, in the same few questions however many there are."""
    keys = [model.pk for model in models]
    versions = ModelVersion.objects.filter(model__in=keys)
    counts = dict(versions.order_by().values_list("model").annotate(Count("pk")))
    newer = ModelVersion.objects.filter(model=OuterRef("model"), number__gt=OuterRef("number"))
    latest = {version.model_id: version for version in _with_everything(versions.filter(~Exists(newer)))}
    match = latest | _matches(models, latest)
    context = {"services": services_of([*latest.values(), *match.values()])}
    rows = [
        {
            "name": model.name,
            "latest": latest.get(model.pk),
            "match": match.get(model.pk),
            "versions": counts.get(model.pk, 0),
            "updated_at": model.updated_at,
        }
        for model in models
    ]
    return list(ModelSerializer(rows, many=True, context=context).data)


def _matches(models: Iterable[Model], latest: dict[int, ModelVersion]) -> dict[int, ModelVersion]:
    """The newest version that a filter found, of the models whose latest it is not."""
    found = [version for model in models for version in getattr(model, "found", [])]
    older = [version.pk for version in found if version != latest.get(version.model_id)]
    rows = _with_everything(ModelVersion.objects.filter(pk__in=older)) if older else []
    return {version.model_id: version for version in rows}


def _with_everything(rows: Any) -> Any:
    return rows.select_related("model", "created_by").prefetch_related("tags", "files__artifact")
