"""`/services`: deploy, list, show, revisions, roll back, stop, start, delete, keys, tokens, logs, score."""

from typing import Any, cast

from django.db.models import F, QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.api.parameters import NAME
from deployments.api.serializers import (
    AccessTokenSerializer,
    ChosenKeySerializer,
    DeployedSerializer,
    DeploySerializer,
    KeysSerializer,
    LogSerializer,
    RevisionSerializer,
    RollbackSerializer,
    ServiceSerializer,
)
from deployments.config import azure_deployment_config
from deployments.control.facts import wanted_revision
from deployments.models import RevisionModel, Service
from deployments.services import deployment_log, lifecycle, scoring_client, tokens
from deployments.services.deploy import deploy
from deployments.services.deploy_request import resolve
from deployments.services.describe import describe
from deployments.services.keys import SLOTS, regenerate_key
from deployments.services.queries import find, with_details
from deployments.services.revisions import describe_revisions, revisions_of
from deployments.services.rollback import rollback
from studio.accounts.models import Role, Workspace
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace
from studio.core.errors import BadInput

SLOT = OpenApiParameter("slot", str, "path", enum=SLOTS)
OFFSET = OpenApiParameter("offset", int, description="byte to read from; negative counts from the end")
REPLICA = OpenApiParameter("replica", int, default=1, description="number of the replica, for the service's log")
SOURCE = OpenApiParameter("source", str, enum=["service", "build"], default="service")
STATE = OpenApiParameter("state", str, description="such as Healthy")
MODEL = OpenApiParameter("model", str, description="name or name:number of a model that the service runs")
PATH = OpenApiParameter("path", str, default="/score", description="/score or a path of the Open Inference Protocol")
MOST_REPLICA = 100_000  # beyond any number of a replica: there is no log
SAFE_TYPES = ("application/json", "text/plain")


@extend_schema(tags=["services"], parameters=[WORKSPACE])
class ServiceViewSet(InWorkspace, GenericViewSet):
    queryset = Service.objects.none()
    serializer_class = ServiceSerializer
    filter_backends = []
    action_roles = {"keys": Role.CONTRIBUTOR, "token": Role.VIEWER}
    actions_without_fields = frozenset({"destroy", "stop", "start", "token", "regenerate_tokens"})

    @extend_schema(parameters=[STATE, MODEL])
    def list(self, request: Request, **_: Any) -> Response:
        """Services by name."""
        rows = Service.objects.in_workspace(self.workspace).order_by("name")
        if state := request.query_params.get("state"):
            rows = rows.filter(phase__iexact=state)
        if model := request.query_params.get("model"):
            rows = rows.filter(pk__in=_that_run(self.workspace, model))
        page = self.paginate_queryset(with_details(rows))
        return self.get_paginated_response([self._shown(service) for service in page or []])

    @extend_schema(request=DeploySerializer, responses={201: DeployedSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Deploy model versions; with `overwrite` as a new revision of the service if it exists."""
        form = DeploySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = resolve(workspace=self.workspace, actor=self.person, **form.validated_data)
        revision = deploy(wanted)
        shown = self._shown(find(self.workspace, revision.service.name))
        made = {"deployed_revision": revision.number, "warnings": list(wanted.warnings)}
        return Response(shown | made, status=201)

    @extend_schema(parameters=[NAME])
    def retrieve(self, request: Request, name: str, **_: Any) -> Response:
        return Response(self._shown(find(self.workspace, name)))

    @extend_schema(parameters=[NAME], responses={202: ServiceSerializer})
    def destroy(self, request: Request, name: str, **_: Any) -> Response:
        """Delete the service. It is gone, and its name free, when its address answers 404 here."""
        return self._do(lifecycle.delete, name, status=202)

    @extend_schema(parameters=[NAME], request=None, responses=ServiceSerializer)
    def stop(self, request: Request, name: str, **_: Any) -> Response:
        """End the process; name, address and keys stay."""
        return self._do(lifecycle.stop, name)

    @extend_schema(parameters=[NAME], request=None, responses=ServiceSerializer)
    def start(self, request: Request, name: str, **_: Any) -> Response:
        """Run it (again); also tries once more after a failure."""
        return self._do(lifecycle.start, name)

    @extend_schema(parameters=[NAME], responses=RevisionSerializer(many=True))
    def revisions(self, request: Request, name: str, **_: Any) -> Response:
        """What the service has been made of, newest first."""
        service = find(self.workspace, name)
        page = self.paginate_queryset(revisions_of(service))
        rows = describe_revisions(service, page or [])
        return self.get_paginated_response(RevisionSerializer(rows, many=True).data)

    @extend_schema(parameters=[NAME], request=RollbackSerializer, responses=ServiceSerializer)
    def rollback(self, request: Request, name: str, **_: Any) -> Response:
        """Have an earlier revision answer again, or end an update. It starts beside the one that answers; no request is
        lost. 409 for a revision whose bundle has been removed."""
        form = RollbackSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        rollback(find(self.workspace, name), self.person, form.validated_data["revision"])
        return Response(self._shown(find(self.workspace, name)))

    @extend_schema(parameters=[NAME], responses=KeysSerializer)
    def keys(self, request: Request, name: str, **_: Any) -> Response:
        """The keys that clients send as `Authorization: Bearer …`; 409 for a service that takes tokens."""
        service = find(self.workspace, name)
        tokens.refuse_keys(service)
        return Response(_keys(service))

    @extend_schema(parameters=[NAME, SLOT], request=ChosenKeySerializer, responses=KeysSerializer)
    def regenerate_key(self, request: Request, name: str, slot: str, **_: Any) -> Response:
        """Replace one key, by `value` where it is given; the old one stops working within seconds."""
        form = ChosenKeySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        service = find(self.workspace, name)
        tokens.refuse_keys(service)
        regenerate_key(service, slot, self.person, form.validated_data.get("value"))
        return Response(_keys(service))

    @extend_schema(parameters=[NAME], request=None, responses=AccessTokenSerializer)
    def token(self, request: Request, name: str, **_: Any) -> Response:
        """A token to call the service with, good for an hour; 409 for a service that takes keys, or nothing."""
        made = tokens.issue(find(self.workspace, name), self.person)
        return Response(AccessTokenSerializer(made).data, headers={"Cache-Control": "no-store"})

    @extend_schema(parameters=[NAME], request=None, responses=ServiceSerializer)
    def regenerate_tokens(self, request: Request, name: str, **_: Any) -> Response:
        """Change what tokens are signed with: all that were made so far stop working within seconds."""
        return self._do(tokens.regenerate, name)

    @extend_schema(parameters=[NAME], responses=OpenApiTypes.OBJECT)
    def deploymentconfig(self, request: Request, name: str, **_: Any) -> Response:
        """The wanted revision's deployment config in the shape of Azure's deploymentconfig.json."""
        wanted = wanted_revision(find(self.workspace, name))
        return Response(azure_deployment_config.export(wanted.deployment_config if wanted else {}))

    @extend_schema(parameters=[NAME, OFFSET, SOURCE, REPLICA], responses=LogSerializer)
    def logs(self, request: Request, name: str, **_: Any) -> Response:
        """At most 64 kB of the log from `offset`, and the offset to go on at."""
        service = find(self.workspace, name)
        offset, replica = _whole(request, "offset", 0), _whole(request, "replica", 1)
        if request.query_params.get("source") == "build":
            text, offset = deployment_log.build_log(service, offset)
        else:
            text, offset = deployment_log.service_log(service, offset, replica=min(max(replica, 1), MOST_REPLICA))
        return Response({"text": text, "offset": offset})

    @extend_schema(
        parameters=[NAME, PATH],
        request={"application/json": OpenApiTypes.OBJECT, "application/octet-stream": OpenApiTypes.BINARY},
        responses={200: OpenApiTypes.OBJECT},
    )
    def score(self, request: Request, name: str, **_: Any) -> HttpResponse:
        """Send the body on to the service and answer what it answers. For tries; programs call the service itself."""
        path = request.query_params.get("path", "/score")
        content_type = request.content_type or "application/json"
        body = cast(bytes, request.data or b"")  # where nothing was sent, no parser is asked and this is an empty dict
        result = scoring_client.score(find(self.workspace, name), body, content_type, path)
        safe = result.content_type if result.content_type.startswith(SAFE_TYPES) else "application/octet-stream"
        answer = HttpResponse(result.body, status=result.status, content_type=safe)
        answer["X-Slipway-Milliseconds"] = f"{result.milliseconds:.2f}"
        return answer

    def _do(self, verb: Any, name: str, *, status: int = 200) -> Response:
        service = find(self.workspace, name)
        verb(service, self.person)
        return Response(self._shown(service), status=status)  # not read again: the loop may have deleted it already

    def _shown(self, service: Service) -> dict[str, Any]:
        may_write = self.role in Role.at_least(Role.CONTRIBUTOR)
        return ServiceSerializer(describe(service, with_values=may_write)).data


def _keys(service: Service) -> dict[str, str]:
    return {key.slot: key.value for key in service.keys.all()}


def _whole(request: Request, name: str, usual: int) -> int:
    try:
        return int(request.query_params.get(name, usual))
    except ValueError as error:
        raise BadInput(f"{name} must be a whole number.", field=name) from error


def _that_run(workspace: Workspace, model: str) -> QuerySet[RevisionModel, Any]:
    """Ids of the services whose wanted revision runs the model ('iris') or the version ('iris:1')."""
    name, _, number = model.partition(":")
    newest = RevisionModel.objects.filter(revision__number=F("revision__service__wanted_revision"))
    found = newest.filter(version__workspace=workspace, version__model__name=name)
    if number:
        found = found.filter(version__number=int(number) if number.isdecimal() else -1)
    return found.values("revision__service")
