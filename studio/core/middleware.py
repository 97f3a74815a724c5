"""Turn the studio's own errors into pages when a view lets one through."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from studio.core.errors import BadInput, SlipwayError
from studio.core.pages import render


class ErrorPageMiddleware:
    """A `SlipwayError` that no form caught becomes a page (or fragment) with its status, cause and hint."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed):  # REST has an answer of its own
            return _not_allowed(request, response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, SlipwayError):
            return None
        return render(request, "error.html", {"error": error}, partial="alert", status=error.status)


def _not_allowed(request: HttpRequest, refused: HttpResponseNotAllowed) -> HttpResponse:
    """Browsers show nothing at all for an empty 405, which a reload or the back button can lead to."""
    error = BadInput("This address only takes a form that was sent.", hint="Open the page it belongs to and try again.")
    response = render(request, "error.html", {"error": error}, partial="alert", status=refused.status_code)
    response.headers["Allow"] = refused.headers["Allow"]
    return response
