"""What people do with rollouts on a service's page: watch, start, pause, resume, advance and roll back."""

from collections.abc import Callable
from functools import partial

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from deployments.models import Service
from deployments.services import rollouts
from deployments.services.queries import find
from deployments.services.rollouts import describe_rollout
from deployments.views.rollout_form import RolloutForm
from deployments.views.rollout_panel import rollout_card
from deployments.views.rollout_preview import preview
from deployments.views.services import show
from deployments.views.traffic_actions import tab_of
from deployments.views.traffic_tab import traffic_panel
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role, User
from studio.core.confirmation import Question, unless_refused
from studio.core.errors import SlipwayError
from studio.core.form_errors import show as show_error
from studio.core.pages import render


@workspace_page
def service_rollout(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The card of the rollout under way, which refreshes itself. POST starts one."""
    service = find(request.workspace, name)
    if request.method == "POST":
        return _start(request, service)
    if not request.htmx:
        return redirect(tab_of(service))
    return render(
        request,
        "deployments/service_rollout.html",
        {"service": service, "rollout": rollout_card(service), "live": True},
    )


def _start(request: WorkspaceRequest, service: Service) -> HttpResponse:
    form, status = RolloutForm(service, request.POST), 422
    if form.is_valid():
        try:
            rollouts.start(service, request.user, form.rollout_request())
        except SlipwayError as error:
            show_error(form, error)
            status = error.status
        else:
            return redirect(tab_of(service))
    panel = traffic_panel(find(request.workspace, service.name), form=form)
    return show(request, service, status=status, tab="traffic", **panel)


@require_POST
@workspace_page
def rollout_preview(request: WorkspaceRequest, name: str) -> HttpResponse:
    """How long what stands in the form would take, and its command line; changes nothing."""
    service = find(request.workspace, name)
    context = preview(service, RolloutForm(service, request.POST))
    return render(request, "deployments/rollout_preview.html", context)


@require_POST
@workspace_page
def rollout_pause(request: WorkspaceRequest, name: str) -> HttpResponse:
    return _do(request, name, rollouts.pause)


@require_POST
@workspace_page
def rollout_resume(request: WorkspaceRequest, name: str) -> HttpResponse:
    return _do(request, name, rollouts.resume)


@workspace_page(role=Role.CONTRIBUTOR)
def rollout_advance(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then go to the next step whatever the present one has shown."""
    service = find(request.workspace, name)
    found = describe_rollout(service)
    revision, after = found["revision"], found["steps"][found["step"] :]
    gets = f"{after[0]['percent']:g} % of the requests" if after else "all requests, and the rollout is done"
    question = Question(
        title=f"Go to the next step of the rollout to revision {revision}?",
        text=f"Revision {revision} then gets {gets}, whether or not the present step has shown that it is good.",
        action="Next step",
        back=tab_of(service),
    )
    return _asked(request, service, question, rollouts.advance)


@workspace_page(role=Role.CONTRIBUTOR)
def rollout_abort(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Ask, then give all requests back to the revision before."""
    service = find(request.workspace, name)
    found = describe_rollout(service)
    question = Question(
        title=f"Roll {service.name} back to revision {found['control']}?",
        text=f"It gets all requests again at once. Revision {found['revision']} finishes what it is at, and stops. No "
        "request is lost.",
        action="Roll back",
        back=tab_of(service),
    )
    return _asked(request, service, question, rollouts.abort)


def _do(request: WorkspaceRequest, name: str, verb: Callable[[Service, User], None]) -> HttpResponse:
    service = find(request.workspace, name)
    verb(service, request.user)
    return redirect(tab_of(service))


def _asked(
    request: WorkspaceRequest, service: Service, question: Question, verb: Callable[[Service, User], None]
) -> HttpResponse:
    check, act = partial(rollouts.check_running, service), partial(verb, service, request.user)
    return unless_refused(request, question, check=check, act=act) or redirect(tab_of(service))
