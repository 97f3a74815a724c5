"""Files of a version: downloads, and the beginning of one for reading."""

from typing import Any

from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from registry.errors import FileDamaged
from registry.models import ModelVersion
from registry.store import downloads, previews
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


def preview(version: ModelVersion, path: str) -> dict[str, Any]:
    """What the Files tab shows of the file at `path`. Raises `NotFound`."""
    file = downloads.find_file(version, path)
    try:
        text, error = previews.text_of(file), None
    except FileDamaged as damaged:
        text, error = "", damaged
    return {"file": file, "text": text, "is_cut": file.artifact.size > previews.SHOWN_BYTES, "error": error}
