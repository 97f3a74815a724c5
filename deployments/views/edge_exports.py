"""Pages of a service's exports for devices, and the studio's public key."""

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from deployments.builds.job_files import file_response
from deployments.edge import exports, signing
from deployments.services.queries import find
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.errors import BadInput, SlipwayError
from studio.core.pages import render

SHOWN = 20


@workspace_page
def service_edge(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The exports, which refresh while one is made; posting asks for one."""
    service = find(request.workspace, name)
    error: SlipwayError | None = None
    if request.method == "POST":
        try:
            exports.request_export(service, request.user, _number(request.POST.get("revision", "")))
            return redirect("service_edge", workspace=request.workspace.slug, name=service.name)
        except SlipwayError as refused:
            error = refused
    rows = list(exports.exports_of(service)[:SHOWN])
    context = {
        "service": service,
        "exports": rows,
        "moving": any(not export.is_final for export in rows),
        "numbers": service.revisions.order_by("-number").values_list("number", flat=True)[:SHOWN],
        "error": error and error.as_dict(),
        "public_key": signing.public_key(),
    }
    status = error.status if error else 200
    return render(request, "deployments/service_edge.html", context, partial="exports", status=status)


@workspace_page(role=Role.CONTRIBUTOR)
def edge_export_file(request: WorkspaceRequest, name: str, export: int) -> HttpResponseBase:
    found = exports.find_export(find(request.workspace, name), export)
    return file_response(request, found)


@workspace_page
def signing_key(request: WorkspaceRequest) -> HttpResponse:
    """The public key as a PEM file."""
    response = HttpResponse(signing.public_key_pem(), content_type="application/x-pem-file")
    response.headers["Content-Disposition"] = 'attachment; filename="studio.pub"'
    return response


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadInput(f"'{text[:50]}' is no number of a revision.", field="revision")
    return int(text)
