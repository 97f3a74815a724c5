"""Downloads."""

from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from registry.store import downloads
from registry.versions import registration
from studio.accounts.access import WorkspaceRequest, workspace_page


@workspace_page
@require_safe
def version_file(request: WorkspaceRequest, name: str, number: int, path: str) -> HttpResponseBase:
    version = registration.find_version(request.workspace, f"{name}:{number}")
    return downloads.file_response(request, downloads.find_file(version, path))


@workspace_page
@require_safe
def version_archive(request: WorkspaceRequest, name: str, number: int) -> HttpResponseBase:
    version = registration.find_version(request.workspace, f"{name}:{number}")
    return downloads.archive_response(version)
