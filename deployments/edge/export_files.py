"""The files of exports, sent out."""

from django.http import HttpRequest, HttpResponseBase

from deployments.models import EdgeExport
from registry.store.downloads import path_response
from studio.core.errors import NotFound


def export_response(request: HttpRequest, export: EdgeExport) -> HttpResponseBase:
    """The file of an export. Raises `NotFound` while there is none, and when it has gone."""
    try:
        if not export.can_be_downloaded:
            raise FileNotFoundError
        return path_response(request, export.path, export.digest, export.filename)
    except FileNotFoundError as error:
        raise NotFound(
            f"The {export} is not there (any more).", hint="Files are kept for a week: export the revision again."
        ) from error
