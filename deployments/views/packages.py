"""The page of packages: what was packed, and the form that asks for more."""

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from deployments.builds.job_files import file_response
from deployments.packages.packages import PackageRequest, find_package, packages_of, request_package
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.errors import BadInput, SlipwayError
from studio.core.pages import render

SHOWN = 50
FIELDS = ("model", "config", "service", "revision", "form", "offline")


@workspace_page
def package_list(request: WorkspaceRequest) -> HttpResponse:
    """The packages, which refresh while one is made; posting asks for one. `?model=` and `?service=` fill the form."""
    error: SlipwayError | None = None
    given = request.POST if request.method == "POST" else request.GET
    if request.method == "POST":
        try:
            request_package(request.workspace, request.user, _request(given.dict()))
            return redirect("package_list", workspace=request.workspace.slug)
        except SlipwayError as refused:
            error = refused
    rows = list(packages_of(request.workspace)[:SHOWN])
    context = {
        "packages": rows,
        "moving": any(not package.is_final for package in rows),
        "form": {name: given.get(name, "")[:200] for name in FIELDS},
        "error": error and error.as_dict(),
    }
    status = error.status if error else 200
    return render(request, "deployments/packages.html", context, partial="packages", status=status)


@workspace_page(role=Role.CONTRIBUTOR)
def package_file(request: WorkspaceRequest, package: int) -> HttpResponseBase:
    return file_response(request, find_package(request.workspace, package))


def _request(given: dict[str, str]) -> PackageRequest:
    number = given.get("revision", "")
    if number and not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise BadInput(f"'{number[:50]}' is no number of a revision.", field="revision")
    return PackageRequest(
        model=given.get("model", "").strip(),
        config=given.get("config", "").strip(),
        service=given.get("service", "").strip(),
        revision=int(number) if number else None,
        form=given.get("form", "context"),
        offline=bool(given.get("offline")),
    )
