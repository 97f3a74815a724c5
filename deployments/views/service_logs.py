"""Logs as JSON pieces, for the script that follows them, and the whole log as a file."""

from collections.abc import Iterator

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from deployments.models import Service
from deployments.services import deployment_log
from deployments.services.queries import find
from deployments.views.services import MOVING
from studio.accounts.access import WorkspaceRequest, workspace_page


@workspace_page
def service_logs(request: WorkspaceRequest, name: str) -> HttpResponseBase:
    """`?offset=N` (negative: from the end) gives {text, offset, done}; `?download=1` the file."""
    service = find(request.workspace, name)
    if "download" in request.GET:
        return _download(service)
    text, offset = deployment_log.service_log(service, _offset(request))
    return JsonResponse({"text": text, "offset": offset, "done": False})


@workspace_page
def build_log(request: WorkspaceRequest, name: str) -> JsonResponse:
    """The newest revision's build; `?then=service` goes on with the server's log, as one text."""
    service = find(request.workspace, name)
    read = deployment_log.whole_log if request.GET.get("then") == "service" else deployment_log.build_log
    text, offset = read(service, max(0, _offset(request)))
    return JsonResponse({"text": text, "offset": offset, "done": not text and service.phase not in MOVING})


def _offset(request: HttpRequest) -> int:
    given = request.GET.get("offset", "0")
    return int(given) if given.removeprefix("-").isdecimal() else 0


def _download(service: Service) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{service.name}.log"'}
    return StreamingHttpResponse(_pieces(service), content_type="text/plain; charset=utf-8", headers=headers)


def _pieces(service: Service) -> Iterator[str]:
    text, offset = deployment_log.service_log(service, 0)
    while text:
        yield text
        text, offset = deployment_log.service_log(service, offset)
