"""`POST /api/v1/edge/telemetry`: windows that agents have kept until they could reach the studio."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deployments.edge.device_access import device_of
from monitoring.telemetry import edge_windows, ingest
from studio.core.errors import TooLarge


@extend_schema(exclude=True)
class EdgeTelemetryView(APIView):
    """Knows no people: the device's own key is checked by `device_of`."""

    authentication_classes = []
    permission_classes = []

    def post(self, request: Request) -> Response:
        device = device_of(request)
        if int(request.headers.get("Content-Length") or 0) > ingest.MAX_BYTES:
            raise TooLarge(f"A telemetry push has at most {ingest.MAX_BYTES} bytes.")
        return Response({"accepted": edge_windows.accept(device, request.body)}, status=202)
