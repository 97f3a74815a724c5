"""`GET /healthz`: is everything up? Cached for a second, so it may be asked often."""

import time
from threading import Lock

from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse

from studio.workers.heartbeat import BrokerUnavailable, missing_programs

FRESH, FRESH_WHILE_MISSING = 1.0, 0.2  # seconds
_lock = Lock()
_known: tuple[float, list[str]] = (0.0, [])


def missing() -> list[str]:
    """Names of what does not answer: database, broker, quick, heavy, builds, clock."""
    return _missing_database() + _missing_workers()


def _missing_database() -> list[str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return ["database"]
    return []


def _missing_workers() -> list[str]:
    try:
        return missing_programs()
    except BrokerUnavailable:
        return ["broker"]


@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    global _known  # noqa: PLW0603 - the memory
    with _lock:
        if time.monotonic() - _known[0] > (FRESH_WHILE_MISSING if _known[1] else FRESH):
            _known = (time.monotonic(), missing())
        absent = _known[1]
    if absent:
        answer = JsonResponse({"status": "not ready", "missing": absent}, status=503)
        answer._has_been_logged = True  # type: ignore[attr-defined]  # an expected answer while starting, not a failure of this view
        return answer
    return JsonResponse({"status": "ok"})
