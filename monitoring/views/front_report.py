"""`POST /api/v1/front/report`: what the front tells every few seconds."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deployments.services.key_use import record_key_use
from deployments.services.outcomes import record_arrivals
from deployments.traffic.front_reports import is_token, keep_report
from monitoring.errors import UnknownToken
from monitoring.telemetry.ingest import keep_front_windows
from scoring.front_contract import FrontReport
from studio.core.errors import BadInput


@extend_schema(exclude=True)
class FrontReportView(APIView):
    """Knows no people: the front shows the installation's own token in `Authorization: Bearer …`."""

    authentication_classes = []
    permission_classes = []

    def post(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not is_token(token.strip()):
            raise UnknownToken("This is not the token of the front.", hint="It stands in the front's settings file.")
        try:
            report = msgspec.json.decode(request.body, type=FrontReport)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput(f"This is no report of a front: {error}", code="report_malformed") from error
        keep_report(report)
        keep_front_windows(report.windows)
        record_key_use(report.keys)
        record_arrivals(report.arrivals)
        return Response(status=204)
