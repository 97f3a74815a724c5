"""`/services/NAME/source` and `/reload`: the files that a development service runs."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from deployments.api.parameters import NAME
from deployments.api.serializers import DeployedSerializer, ReloadSerializer, ServiceSourceSerializer
from deployments.models import Service
from deployments.services.describe import describe
from deployments.services.development import reload, source_revision
from deployments.services.queries import find
from studio.accounts.models import Role
from studio.accounts.openapi import WORKSPACE
from studio.accounts.rest import InWorkspace


@extend_schema(tags=["services"], parameters=[WORKSPACE, NAME])
class DevelopmentViewSet(InWorkspace, GenericViewSet):
    queryset = Service.objects.none()
    serializer_class = DeployedSerializer
    filter_backends = []

    @extend_schema(responses=ServiceSourceSerializer)
    def retrieve(self, request: Request, name: str, **_: Any) -> Response:
        """The files of a development service with their digests; 409 for others."""
        revision = source_revision(find(self.workspace, name))
        config = revision.config
        facts = {
            "revision": revision.number,
            "entry_script": config.entry_script,
            "environment": str(config.environment) if config.environment else None,
            "files": config.files.select_related("artifact"),
        }
        return Response(ServiceSourceSerializer(facts).data)

    @extend_schema(request=ReloadSerializer, responses=DeployedSerializer)
    def create(self, request: Request, name: str, **_: Any) -> Response:
        """Run changed files. What cannot start is refused with its line, and the service goes on as it was; else a
        revision with the changes takes over once it has proven itself."""
        form = ReloadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        revision = reload(find(self.workspace, name), self.person, form.validated_data)
        may_write = self.role in Role.at_least(Role.CONTRIBUTOR)
        shown = describe(find(self.workspace, name), with_values=may_write)
        return Response(DeployedSerializer(shown | {"deployed_revision": revision.number, "warnings": []}).data)
