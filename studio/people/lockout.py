"""How often passwords may be guessed, and the answer to a client that is locked out: a page, or REST's error."""

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_cool_off, get_failure_limit
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, JsonResponse

from studio.core.pages import render

MESSAGE = "Too many wrong passwords from your address."


class SignInHandler(AxesDatabaseHandler):
    """Named by AXES_HANDLER. Beside the limit for a name, one for an address that tries many names."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        failures = int(super().get_failures(request, credentials))
        return max(failures, get_failure_limit(request, credentials)) if _address_is_locked(request) else failures


def _address_is_locked(request: HttpRequest) -> bool:
    most = settings.SLIPWAY["SIGN_IN_TRIES_OF_ADDRESS"]
    if not most:
        return False
    recent = AccessAttempt.objects.filter(
        ip_address=request.axes_ip_address,  # type: ignore[attr-defined]  # axes puts it there
        attempt_time__gte=get_cool_off_threshold(request),
    )
    return (recent.aggregate(tries=Sum("failures_since_start"))["tries"] or 0) >= most


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
