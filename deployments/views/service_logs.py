"""A service's logs: the newest lines in the page, more of them for the script that follows, the whole as a file."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse

from deployments.models import Service
from deployments.services import deployment_log
from deployments.services.log_entries import Block, Entry, LogFilter, blocks_of, entries_of
from deployments.services.queries import find
from deployments.services.replicas import numbers_of
from deployments.shown_paths import shorten_paths
from deployments.views.service_header import MOVING
from studio.accounts.access import WorkspaceRequest, workspace_page

SHOWN_LINES = 200
SEARCHED_BYTES = 1024**2  # from the end, where somebody looks for something
LEVEL_NAMES = {"": "Everything", "info": "From info on", "warning": "Warnings and errors", "error": "Errors"}


def log_panel(request: WorkspaceRequest, service: Service) -> dict[str, Any]:
    """The Logs tab: the newest lines that the query asks for (`q`, `level`, `request`, `revision`, `replica`)."""
    wanted, revision, replica = _wanted(request), _revision(request), _replica(request)
    read = partial(deployment_log.service_log, service, revision=revision, replica=replica)
    instance = deployment_log.instance_with_log(service, revision)
    text, offset = deployment_log.tail(read, SEARCHED_BYTES if wanted.is_on else deployment_log.TAIL_BYTES)
    return {
        "wanted": wanted,
        "chosen_revision": revision,
        "chosen_replica": replica,
        "replicas_with_log": numbers_of(instance) if instance else [],
        "revisions_with_log": deployment_log.revisions_with_log(service),
        "levels": LEVEL_NAMES.items(),
        "log_url": f"{_url(service, 'service_logs')}?{request.GET.urlencode()}",
        "log_page": f"{_url(service, 'service_detail')}?tab=logs",
        "blocks": _shown(text, wanted),
        "offset": offset,
    }


def deployment_panel(service: Service) -> dict[str, Any]:
    """How the deployment went: the build's log and then the server's."""
    text, offset = deployment_log.whole_tail(service)
    page = f"{_url(service, 'service_detail')}?tab=logs"
    return {"blocks": _shown(text, LogFilter()), "offset": offset, "log_page": page}


@workspace_page
def service_logs(request: WorkspaceRequest, name: str) -> HttpResponseBase:
    """`?offset=N` gives {html, offset, done}, filtered as the Logs tab is; `?download=1` the file."""
    service = find(request.workspace, name)
    read = partial(deployment_log.service_log, service, revision=_revision(request), replica=_replica(request))
    if "download" in request.GET:
        return _download(service, read)
    return _piece(service, read, request, done=False)


@workspace_page
def build_log(request: WorkspaceRequest, name: str) -> JsonResponse:
    """The newest revision's build; `?then=service` goes on with the server's log, as one text."""
    service = find(request.workspace, name)
    read = deployment_log.whole_log if request.GET.get("then") == "service" else deployment_log.build_log
    return _piece(service, partial(read, service), request, done=service.phase not in MOVING)


def _piece(service: Service, read: deployment_log.Read, request: HttpRequest, *, done: bool) -> JsonResponse:
    text, offset = deployment_log.whole_lines(*read(max(0, _number(request, "offset") or 0)))
    context = {
        "blocks": blocks_of(_kept(text, _wanted(request))),
        "log_page": f"{_url(service, 'service_detail')}?tab=logs",
    }
    html = render_to_string("components/log_blocks.html", context).strip()
    return JsonResponse({"html": html, "offset": offset, "done": done and not text})


def _wanted(request: HttpRequest) -> LogFilter:
    given = request.GET
    return LogFilter(text=given.get("q", "").strip(), level=given.get("level", ""), request=given.get("request", ""))


def _revision(request: HttpRequest) -> int | None:
    return _number(request, "revision")


def _replica(request: HttpRequest) -> int:
    return _number(request, "replica") or 1


def _number(request: HttpRequest, name: str) -> int | None:
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 16 else None


def _kept(text: str, wanted: LogFilter) -> list[Entry]:
    return [entry for entry in entries_of(shorten_paths(text)) if wanted.keeps(entry)]


def _shown(text: str, wanted: LogFilter) -> list[Block]:
    return blocks_of(_newest(_kept(text, wanted)))


def _newest(entries: list[Entry]) -> Iterable[Entry]:
    """The last ones, of `SHOWN_LINES` lines together; one at least."""
    lines = 0
    for count, entry in enumerate(reversed(entries), 1):
        lines += entry.text.count("\n") + 1
        if lines > SHOWN_LINES:
            return entries[len(entries) - max(1, count - 1) :]
    return entries


def _download(service: Service, read: deployment_log.Read) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{service.name}.log"'}
    return StreamingHttpResponse(_pieces(read), content_type="text/plain; charset=utf-8", headers=headers)


def _pieces(read: deployment_log.Read) -> Iterator[str]:
    text, offset = read(0)
    while text:
        yield text
        text, offset = read(offset)


def _url(service: Service, page: str) -> str:
    return reverse(page, kwargs={"workspace": service.workspace.slug, "name": service.name})
