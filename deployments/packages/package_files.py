"""The files of packages, sent out."""

from django.http import HttpRequest, HttpResponseBase

from deployments.models import Package
from registry.store.downloads import path_response
from studio.core.errors import NotFound


def package_response(request: HttpRequest, package: Package) -> HttpResponseBase:
    """The file of a context. Raises `NotFound` while there is none, and when it has gone."""
    try:
        if not package.can_be_downloaded:
            raise FileNotFoundError
        return path_response(request, package.path, package.digest, package.filename)
    except FileNotFoundError as error:
        raise NotFound(
            f"The file of the {package} is not there (any more).",
            hint="Files are kept for a week: ask for the package again. An image stays in its engine and has no file.",
        ) from error
