"""Render a whole page, or only the named partial of it that htmx asked for."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as django_render


def render(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    partial: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """One view, one template, one permission check.

    With `partial`, a request made by htmx gets only that `{% partialdef %}` of the template; everybody
    else gets the page. The answer varies by the header that decides.
    """
    fragment = partial is not None and bool(getattr(request, "htmx", False))
    name = f"{template}#{partial}" if fragment else template
    response = django_render(request, name, context or {}, status=status)
    response.headers["Vary"] = "HX-Request"
    return response
