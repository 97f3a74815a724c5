"""What people do on the tab Traffic: change the split, promote, give all to the default revision, take out."""

from functools import partial

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from deployments.models import Service
from deployments.services import operations, traffic
from deployments.services.operations import Verb
from deployments.services.queries import find
from deployments.traffic.shares import ALL, Share, shares_of
from deployments.views import split_form
from deployments.views.services import show
from deployments.views.traffic_tab import running_panel, traffic_panel
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.confirmation import Change, Question, unless_refused
from studio.core.errors import SlipwayError
from studio.core.pages import render


@workspace_page
def service_traffic(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The tab's content, while a rollout changes it. POST changes the split: a refusal is told above the form, in which
    what was typed stays."""
    service = find(request.workspace, name)
    if request.method != "POST":
        if not request.htmx:
            return redirect(tab_of(service))
        return render(request, "deployments/service_traffic.html", {"service": service, **traffic_panel(service)})
    try:
        traffic.change_traffic(service, request.user, split_form.asked(request.POST))
    except SlipwayError as error:
        panel = traffic_panel(find(request.workspace, name), typed=request.POST, error=error)
        return show(request, service, status=error.status, tab="traffic", **panel)
    messages.success(request, f"The traffic of {service.name} is changed.")
    return redirect(tab_of(service))


@workspace_page
def service_running(request: WorkspaceRequest, name: str) -> HttpResponse:
    """What runs: the part of the tab that refreshes itself."""
    service = find(request.workspace, name)
    if not request.htmx:
        return redirect(tab_of(service))
    return render(request, "deployments/service_running.html", {"service": service, **running_panel(service)})


@require_POST
@workspace_page
def service_traffic_command(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The command line for what stands in the form at this moment; changes nothing."""
    service = find(request.workspace, name)
    try:
        text = split_form.command(service.name, split_form.asked(request.POST))
    except SlipwayError as error:
        text = f"# {error.message}"
    return render(request, "deployments/service_traffic_command.html", {"command": text})


@workspace_page(role=Role.CONTRIBUTOR)
def service_promote(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then give all requests to one of the revisions that run."""
    service = find(request.workspace, name)
    number = split_form.whole(request.POST.get("revision") or request.GET.get("revision", ""))
    question = Question(
        title=f"Give all requests of {service.name} to revision {number}?",
        text="The other revisions finish what they are at, and stop. No request is lost.",
        action=f"Promote revision {number}",
        back=tab_of(service),
        fields={"revision": str(number)},
        changes=_changes(service, {number: ALL}),
    )
    act = partial(traffic.promote, service, request.user, number)
    return _asked(request, service, question, act, f"Revision {number} gets all requests.")


@workspace_page(role=Role.CONTRIBUTOR)
def service_traffic_abort(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then give all requests to the default revision."""
    service = find(request.workspace, name)
    number = service.default_revision
    question = Question(
        title=f"Give all requests of {service.name} to revision {number} again?",
        text="It is the default revision. The others finish what they are at, and stop. No request is lost.",
        action=f"Only revision {number}",
        back=tab_of(service),
        changes=_changes(service, {number: ALL}),
    )
    act = partial(traffic.abort, service, request.user)
    return _asked(request, service, question, act, f"Revision {number} gets all requests.")


@workspace_page(role=Role.CONTRIBUTOR)
def service_take_out(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then stop one of the revisions."""
    service = find(request.workspace, name)
    number = split_form.whole(request.POST.get("revision") or request.GET.get("revision", ""))
    left = {other: share for other, share in shares_of(service).items() if other != number}
    rest = 100 - sum(share.percent for share in left.values())
    default = left.get(service.default_revision, Share())
    question = Question(
        title=f"Stop revision {number} of {service.name}?",
        text="It finishes what it is at. Its share goes to the default revision, and requests that ask for it by name "
        "are refused.",
        action=f"Stop revision {number}",
        back=tab_of(service),
        fields={"revision": str(number)},
        changes=_changes(service, left | {service.default_revision: Share(default.percent + rest)}),
    )
    act = partial(traffic.take_out, service, request.user, number)
    return _asked(request, service, question, act, f"Revision {number} stops.")


def tab_of(service: Service) -> str:
    """The address of the tab."""
    place = {"workspace": service.workspace.slug, "name": service.name}
    return f"{reverse('service_detail', kwargs=place)}?tab=traffic"


def _asked(
    request: WorkspaceRequest, service: Service, question: Question, act: "partial[None]", done: str
) -> HttpResponse:
    refused = unless_refused(request, question, check=partial(operations.check, service, Verb.CHANGE_TRAFFIC), act=act)
    if refused is not None:
        return refused
    messages.success(request, done)
    return redirect(tab_of(service))


def _changes(service: Service, after: dict[int, Share]) -> list[Change]:
    """What a click does to shares."""
    before = shares_of(service)
    return [
        Change(f"Revision {number}", _percent(before.get(number)), _percent(after.get(number)))
        for number in sorted({*before, *after})
        if before.get(number) != after.get(number)
    ]


def _percent(share: Share | None) -> str:
    return f"{share.percent:g} %" if share else "stopped"
