"""Who may send a body that is large or takes its time: whoever shows a live session, API token or telemetry token."""

from typing import Any

from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError, close_old_connections
from django.http import HttpResponse
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from deployments.models import Service
from deployments.traffic.front_reports import is_token
from studio.accounts.authentication import TokenAuthentication
from studio.core.secrets import digest_of


def is_authenticated(environ: dict[str, Any]) -> bool:
    """Whether these headers authenticate somebody. Only reads; False while the database is unavailable."""
    close_old_connections()
    try:
        return _has_session(WSGIRequest(environ)) or _has_token(WSGIRequest(environ))
    except DatabaseError:
        return False
    finally:
        close_old_connections()


def _has_session(request: WSGIRequest) -> bool:
    SessionMiddleware(lambda _: HttpResponse()).process_request(request)
    return get_user(request).is_authenticated


def _has_token(request: WSGIRequest) -> bool:
    if request.path == "/api/v1/telemetry":
        token = request.headers.get("Authorization", "").partition(" ")[2].strip()
        return Service.objects.filter(telemetry_digest=digest_of(token)).exists()
    if request.path == "/api/v1/front/report":
        return is_token(request.headers.get("Authorization", "").partition(" ")[2].strip())
    try:
        return TokenAuthentication().authenticate(Request(request)) is not None
    except AuthenticationFailed:
        return False
