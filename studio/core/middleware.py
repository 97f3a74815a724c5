"""Which host pages are served at, which forms can be read, and errors of the studio as pages."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.utils.datastructures import MultiValueDict

from studio.core.errors import BadInput, SlipwayError
from studio.core.pages import render
from studio.core.unreadable import UNREADABLE, as_refusal


class PagesOnLocalhostMiddleware:
    """Sends browsers from 127.0.0.1 to localhost, where they keep the session.

    Services answer at 127.0.0.1, and cookies know no ports: a session of that host would be sent to every service that
    a person opens. Programs, and what a page loads, are served under either name.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        if not settings.PAGES_ON_LOCALHOST:
            raise MiddlewareNotUsed

    def __call__(self, request: HttpRequest) -> HttpResponse:
        host, _, port = request.META.get("HTTP_HOST", "").partition(":")
        is_navigation = request.headers.get("Sec-Fetch-Mode") == "navigate"
        if host == "127.0.0.1" and is_navigation and request.method in {"GET", "HEAD"}:
            return HttpResponseRedirect(f"http://localhost{f':{port}' if port else ''}{request.get_full_path()}")
        return self.get_response(request)


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


class ReadableFormMiddleware:
    """Reads a form before anything else does, so that one that cannot be read is answered with 400 or 413.

    A page's address with a NUL is refused, too: PostgreSQL cannot look for one. REST checks its own parameters.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") and not request.path.startswith("/api/"):
            error = BadInput("The address holds a NUL character, which no text here can have.", hint="Take it out.")
            return render(request, "error.html", {"error": error}, partial="alert", status=error.status)
        if request.method == "POST" and not request.path.startswith("/api/"):
            try:
                _ = request.POST
            except (*UNREADABLE, ValueError, LookupError) as fault:
                error = as_refusal(fault) or BadInput("The form that was sent cannot be read.", hint="Send it again.")
                request.encoding = "utf-8"  # the page must not meet the same fault
                request._post, request._files = QueryDict(), MultiValueDict()  # type: ignore[attr-defined]
                return render(request, "error.html", {"error": error}, partial="alert", status=error.status)
        return self.get_response(request)


def _not_allowed(request: HttpRequest, refused: HttpResponseNotAllowed) -> HttpResponse:
    """Browsers show nothing at all for an empty 405, which a reload or the back button can lead to."""
    error = BadInput("This address only takes a form that was sent.", hint="Open the page it belongs to and try again.")
    response = render(request, "error.html", {"error": error}, partial="alert", status=refused.status_code)
    response.headers["Allow"] = refused.headers["Allow"]
    return response
