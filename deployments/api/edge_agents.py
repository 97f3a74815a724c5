"""`/api/v1/edge/…`: what agents on devices call, each with the key of its device."""

import hashlib
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from deployments.edge import polls
from deployments.edge.agent_program import agent_program
from deployments.edge.device_access import device_of
from deployments.targets.edge.published import part_path
from registry.store.downloads import path_response
from scoring.edge_contract import MAX_REPORT_BYTES
from studio.core.errors import NotFound, TooLarge


class DeviceThrottle(SimpleRateThrottle):
    """So many calls of one key from one address: an agent in a loop, or somebody who guesses."""

    scope = "device"
    rate = "600/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        shown = f"{self.get_ident(request)} {request.headers.get('Authorization', '')}"
        return f"device-{hashlib.sha256(shown.encode()).hexdigest()}"


class AgentView(APIView):
    """Knows no people: `device_of` checks the device's key."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = [DeviceThrottle]


@extend_schema(exclude=True)
class PollView(AgentView):
    def post(self, request: Request, **_: Any) -> Response:
        """Keep the report; answer the signed document where there is a newer one, else 204."""
        device = device_of(request)
        if int(request.headers.get("Content-Length") or 0) > MAX_REPORT_BYTES:
            raise TooLarge(f"A report of a device has at most {MAX_REPORT_BYTES} bytes.")
        envelope = polls.answer(device, polls.read_report(request.body))
        return Response(status=204) if envelope is None else Response(envelope)


@extend_schema(exclude=True)
class PartView(AgentView):
    def get(self, request: Request, digest: str, **_: Any) -> HttpResponseBase:
        """A part of what the device is to run; a `Range` goes on with a download that broke off."""
        device = device_of(request)
        try:
            if not polls.may_fetch(device, digest):
                raise FileNotFoundError
            return path_response(request, part_path(digest), digest, f"{digest}.tar.gz")
        except FileNotFoundError as error:
            raise NotFound("There is no such part for this device.", hint="Ask for the document again.") from error


@extend_schema(exclude=True)
class AgentProgramView(AgentView):
    def get(self, request: Request, **_: Any) -> HttpResponse:
        """The agent of this studio's release."""
        device_of(request)
        answer = HttpResponse(agent_program(), content_type="application/octet-stream")
        answer.headers["Content-Disposition"] = 'attachment; filename="agent.pyz"'
        return answer
