"""The answer to a client that is locked out: when to try again, as a page or as REST's error."""

from typing import Any

from axes.helpers import get_cool_off
from django.http import HttpRequest, HttpResponse, JsonResponse

from studio.core.pages import render

MESSAGE = "Too many wrong passwords for this name from your address."


def locked_out(
    request: HttpRequest, _response: HttpResponse | None, _credentials: dict[str, Any] | None
) -> HttpResponse:
    """Named by AXES_LOCKOUT_CALLABLE; axes puts it in the place of whatever the view answered."""
    pause = get_cool_off(request)
    seconds = int(pause.total_seconds()) if pause else 0
    hint = f"Try again in {seconds // 60} minutes, or ask an administrator to reset your password."
    if request.path.startswith("/api/"):
        error = {"code": "locked_out", "detail": MESSAGE, "attr": None, "hint": hint}
        answer: HttpResponse = JsonResponse({"type": "client_error", "errors": [error]}, status=429)
    else:
        answer = render(request, "registration/locked_out.html", {"text": MESSAGE, "hint": hint}, status=429)
    answer.headers["Retry-After"] = str(seconds)
    return answer
