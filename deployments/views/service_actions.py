"""What the buttons of a service's page do: stop, start, roll back, delete, keys, tokens, a test request."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from deployments.control.facts import traffic_revision, wanted_revision
from deployments.models import Service
from deployments.services import keys, lifecycle, scoring_client, tokens
from deployments.services.queries import find
from deployments.services.revision_changes import changes_between
from deployments.services.rollback import revision_of, rollback
from deployments.views.scoring_tab import answer_of, sent
from deployments.views.services import show
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.confirmation import Question, ask
from studio.core.errors import BadInput, SlipwayError
from studio.core.pages import render


@workspace_page(role=Role.CONTRIBUTOR)
def service_stop(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then stop."""
    service = find(request.workspace, name)
    if request.method != "POST":
        text = "Its address stops answering until it is started again. Its address, keys and revisions stay."
        return ask(request, Question(title=f"Stop {name}?", text=text, action="Stop", back=_page(service)))
    lifecycle.stop(service, request.user)
    return redirect(_page(service))


@require_POST
@workspace_page
def service_start(request: WorkspaceRequest, name: str) -> HttpResponse:
    service = find(request.workspace, name)
    lifecycle.start(service, request.user)
    return redirect(_page(service))


@workspace_page(role=Role.CONTRIBUTOR)
def service_rollback(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, naming what changes; then have the revision of that number answer again."""
    service = find(request.workspace, name)
    if request.method != "POST":
        return ask(request, _rollback_question(service, _number(request.GET.get("revision", ""))))
    rollback(service, request.user, _number(request.POST.get("revision", "")))
    return redirect(_page(service))


def _rollback_question(service: Service, number: int) -> Question:
    """Compared with what answers now; without anything that answers, with what is wanted."""
    revision, present = revision_of(service, number), traffic_revision(service) or wanted_revision(service)
    changes = changes_between(present, revision, with_values=True) if present else []
    stays = present is not None and present.pk == revision.pk
    keeps = stays and number > service.wanted_revision
    text = "It is the revision that answers; what is under way is ended." if stays else "No request is lost."
    if not changes and not stays:
        text += " Models, inference config, resources and variables are the same."
    return Question(
        title=f"Keep revision {number} of {service.name}?"
        if keeps
        else f"Roll {service.name} back to revision {number}?",
        text=text,
        action=f"Keep revision {number}" if keeps else "Roll back",
        back=f"{_page(service)}?tab=revisions",
        fields={"revision": str(number)},
        changes=changes,
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:10]) < 2**31):
        raise BadInput("That is no number of a revision.", hint="Choose one on the tab Revisions.", field="revision")
    return int(text)


@workspace_page(role=Role.CONTRIBUTOR)
def service_delete(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then delete."""
    service = find(request.workspace, name)
    if request.method != "POST":
        text = (
            "Its process ends, its address and keys stop working for good, and its log and metrics are deleted. Model "
            "versions, inference configs and the audit trail stay. The name is free again within seconds."
        )
        question = Question(title=f"Delete {name}?", text=text, action=f"Delete {name}", back=_page(service))
        return ask(request, question)
    lifecycle.delete(service, request.user)
    messages.success(request, f"{name} is being deleted.")
    return redirect("service_list", workspace=request.workspace.slug)


@workspace_page(role=Role.CONTRIBUTOR)
def service_regenerate_key(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then replace one of the two keys and show the new one."""
    service = find(request.workspace, name)
    if request.method != "POST":
        slot = keys.find_key(service, request.GET.get("slot", "")).slot
        question = Question(
            title=f"Create a new {slot} key for {name}?",
            text="Clients that use the old one are refused within seconds.",
            action="Create a new key",
            back=f"{_page(service)}?tab=settings",
            fields={"slot": slot},
        )
        return ask(request, question)
    slot = request.POST.get("slot", "")
    keys.regenerate_key(service, slot, request.user, request.POST.get("value"))
    messages.success(request, f"The {slot} key of {name} is new. The old one stops working within seconds.")
    return redirect("service_keys", workspace=request.workspace.slug, name=name)


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


@workspace_page(role=Role.CONTRIBUTOR)
def service_regenerate_tokens(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then revoke all."""
    service = find(request.workspace, name)
    back = f"{_page(service)}?tab=settings"
    if request.method != "POST":
        title, text = f"Revoke all tokens of {name}?", "Clients are refused until they get a new one."
        return ask(request, Question(title=title, text=text, action="Revoke all tokens", back=back))
    tokens.regenerate(service, request.user)
    messages.success(request, f"All tokens of {name} stop working within seconds.")
    return redirect(back)


@require_POST
@workspace_page
def service_test(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Send what stands in the form to the service and show what it answers."""
    service, status = find(request.workspace, name), 200
    context: dict[str, Any] = {"tab": "test"}
    try:
        result = scoring_client.score(service, *sent(request, service))
        context |= {"result": result, **answer_of(service, result)}
    except SlipwayError as error:
        context["test_error"], status = error, error.status
    if request.htmx:
        return render(request, "deployments/service_test_result.html", context, status=status)
    return show(request, service, status=status, **context)


def _page(service: Service) -> str:
    return reverse("service_detail", kwargs={"workspace": service.workspace.slug, "name": service.name})
