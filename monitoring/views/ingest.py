"""`POST /api/v1/telemetry`: where services push their windows."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring.telemetry import ingest
from studio.core.errors import TooLarge


@extend_schema(exclude=True)
class TelemetryView(APIView):
    """Knows no people: the service's own token, in `Authorization: Bearer …`, is checked by `ingest.accept`."""

    authentication_classes = []
    permission_classes = []

    def post(self, request: Request) -> Response:
        if int(request.headers.get("Content-Length") or 0) > ingest.MAX_BYTES:
            raise TooLarge(f"A telemetry push has at most {ingest.MAX_BYTES} bytes.")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        push = ingest.decode(request.body)
        accepted = ingest.accept(token.strip() if scheme.lower() == "bearer" else "", push)
        return Response({"accepted": accepted}, status=202)
