"""Turn the studio's own errors into pages when a view lets one through."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from studio.core.errors import SlipwayError
from studio.core.pages import render


class ErrorPageMiddleware:
    """A `SlipwayError` that no form caught becomes a page (or fragment) with its status, cause and hint."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, SlipwayError):
            return None
        return render(request, "error.html", {"error": error}, partial="alert", status=error.status)
