"""What the buttons of a service's page do: stop, start, roll back, delete, keys, tokens, a test request."""

import json

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from deployments.config.json_text import readable
from deployments.models import Service
from deployments.services import keys, lifecycle, scoring_client, tokens
from deployments.services.queries import find
from deployments.services.rollback import rollback
from deployments.views.services import show, test_panel
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.errors import BadInput, SlipwayError
from studio.core.pages import render

SHOWN_BYTES = 200_000  # of an answer on the page


@require_POST
@workspace_page
def service_stop(request: WorkspaceRequest, name: str) -> HttpResponse:
    service = find(request.workspace, name)
    lifecycle.stop(service, request.user)
    messages.success(request, f"{name} is being stopped. Its address and keys stay.")
    return _back(request, service)


@require_POST
@workspace_page
def service_start(request: WorkspaceRequest, name: str) -> HttpResponse:
    service = find(request.workspace, name)
    lifecycle.start(service, request.user)
    messages.success(request, f"{name} is being started.")
    return _back(request, service)


@require_POST
@workspace_page
def service_rollback(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Have the revision of the posted number answer again."""
    service, number = find(request.workspace, name), request.POST.get("revision", "")
    rollback(service, request.user, _number(number))
    messages.success(request, f"{name} is being rolled back to revision {number}.")
    return _back(request, service)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:10]) < 2**31):
        raise BadInput("That is no number of a revision.", hint="Choose one on the tab Revisions.", field="revision")
    return int(text)


@workspace_page(role=Role.CONTRIBUTOR)
def service_delete(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then delete."""
    service = find(request.workspace, name)
    if request.method == "POST":
        lifecycle.delete(service, request.user)
        messages.success(request, f"{name} is being deleted.")
        return redirect("service_list", workspace=request.workspace.slug)
    return render(request, "deployments/service_delete.html", {"service": service})


@require_POST
@workspace_page
def service_regenerate_key(request: WorkspaceRequest, name: str) -> HttpResponse:
    service = find(request.workspace, name)
    slot = request.POST.get("slot", "")
    keys.regenerate_key(service, slot, request.user)
    messages.success(request, f"The {slot} key of {name} is new. The old one stops working within seconds.")
    return _back(request, service, "?tab=settings")


@never_cache
@workspace_page(role=Role.CONTRIBUTOR)
def service_keys(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Both keys in plain text, for people who may change the service."""
    service = find(request.workspace, name)
    tokens.refuse_keys(service)
    context = {"service": service, "keys": service.keys.order_by("slot")}
    return render(request, "deployments/service_keys.html", context, partial="keys")


@require_POST
@never_cache
@workspace_page(write_role=Role.VIEWER)
def service_token(request: WorkspaceRequest, name: str) -> HttpResponse:
    """A token, shown once; everybody who may see the service may call it."""
    service = find(request.workspace, name)
    context = {"service": service, "made": tokens.issue(service, request.user)}
    return render(request, "deployments/service_token.html", context, partial="token")


@require_POST
@workspace_page
def service_regenerate_tokens(request: WorkspaceRequest, name: str) -> HttpResponse:
    service = find(request.workspace, name)
    tokens.regenerate(service, request.user)
    messages.success(request, f"All tokens of {name} stop working within seconds.")
    return _back(request, service, "?tab=settings")


@require_POST
@workspace_page
def service_test(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Send what stands in the editor to the service and show what it answers."""
    service, body = find(request.workspace, name), request.POST.get("body", "")
    context = {"tab": "test", **test_panel(service, body)}
    status = 200
    try:
        result = scoring_client.score(service, body.encode(), path=context["path"])
        context |= {"result": result, "answer": _readable(result.body)}
    except SlipwayError as error:
        context["test_error"], status = error, error.status
    if request.htmx:
        return render(request, "deployments/service_test_result.html", context, status=status)
    return show(request, service, status=status, **context)


def _readable(body: bytes) -> str:
    """JSON indented, other text as it is."""
    text = body[:SHOWN_BYTES].decode(errors="replace")
    try:
        return readable(json.loads(text))
    except ValueError:
        return text


def _back(request: WorkspaceRequest, service: Service, query: str = "") -> HttpResponse:
    response = redirect("service_detail", workspace=request.workspace.slug, name=service.name)
    response["Location"] += query
    return response
