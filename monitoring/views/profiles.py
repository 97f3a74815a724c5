"""The pages of profiles: the list, one of them, its charts and files, and what its buttons do."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from monitoring.charts import operator_timeline, profile_charts
from monitoring.models import Profile
from monitoring.profiles import apply, azure, operators, point_table, presentation, requests
from monitoring.profiles.results import is_met, options_of_result, tone_of, verdict_of
from monitoring.views.profile_form import ProfileForm
from registry.inspection.operator_times import OperatorTimes
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role, Workspace
from studio.core.confirmation import Change, Question, refuse, unless_refused
from studio.core.errors import NotFound, SlipwayError
from studio.core.form_errors import show
from studio.core.jobs import JobState
from studio.core.pages import render

SHOWN, OFFERED = 50, 30
PAGE = "monitoring/profile_detail.html"
OF_OPERATORS: dict[str, Callable[[OperatorTimes, int], tuple[list[str], list[list[Any]]]]] = {
    "operators": lambda times, rows: (operators.HEADINGS, operators.shown(times, rows).rows),
    "timeline": lambda times, rows: (operator_timeline.HEADINGS, operator_timeline.rows(times.timeline)),
}


@workspace_page
def profile_list(request: WorkspaceRequest) -> HttpResponse:
    """The profiles, which refresh while one runs; posting asks for one. `?model=` and `?service=` fill the form, and
    choose whose are listed."""
    given = request.POST if request.method == "POST" else request.GET
    chosen = {name: given.get(name, "")[:200] for name in ("service", "revision")}
    if request.method == "POST":
        form = ProfileForm(request.workspace, request.POST, **chosen)
        made = _made(request, form) if form.is_valid() else None
        if made:
            return redirect(made)
    else:
        form = ProfileForm(request.workspace, initial={"model": given.get("model", "")[:200]}, **chosen)
    rows = list(_listed(request.workspace, given)[:SHOWN])
    context = {
        "profiles": [_row(one) for one in rows],
        "moving": any(not one.is_final for one in rows),
        "form": form,
        "open": bool(request.GET.get("model") or chosen["service"] or form.errors or not rows),
    }
    status = 422 if form.errors else 200
    return render(request, "monitoring/profile_list.html", context, partial="profiles", status=status)


def _listed(workspace: Workspace, given: QueryDict) -> QuerySet[Profile]:
    """Those of the version or the service that the address names, else all."""
    rows = requests.profiles_of(workspace)
    name, _, number = given.get("model", "")[:200].partition(":")
    if name and number.isascii() and number.isdecimal() and len(number) < 10:
        return rows.filter(version__model__name=name, version__number=int(number))
    if service := given.get("service", "")[:63]:
        return rows.filter(revision__service__name=service)
    return rows


def _made(request: WorkspaceRequest, form: ProfileForm) -> Profile | None:
    try:
        return requests.request_profile(request.workspace, request.user, form.asked())
    except SlipwayError as error:
        show(form, error)
        return None


def _row(profile: Profile) -> dict[str, Any]:
    tone, text = presentation.state_words(profile)
    return {"profile": profile, "tone": tone, "text": text, "verdict": verdict_of(profile)}


@workspace_page
def profile_detail(request: WorkspaceRequest, profile: int) -> HttpResponse:
    """One profile; `?with=` puts another one beside it. For htmx only what changes while it runs."""
    found = requests.find_profile(request.workspace, profile)
    beside = _beside(request)
    tone, text = presentation.state_words(found)
    context = {
        "profile": found,
        "badge": {"tone": tone, "text": text},
        "tone": tone_of(found),
        "moving": not found.is_final,
        "ahead": found.ahead() if found.state == JobState.QUEUED else 0,
        "is_met": is_met(found),
        "size": presentation.headline_of(found),
        "spare": presentation.spare_of(found),
        "verdict": verdict_of(found),
        "why": presentation.why_of(found),
        "figures": presentation.figures_of(found),
        "facts": presentation.facts_of(found),
        "took": presentation.took(found),
        "noisy": presentation.is_noisy(found),
        "services": apply.services_of(found) if options_of_result(found) else [],
        "charts": _charts(found),
        "query": urlencode({"with": beside.pk}) if beside else "",
        "beside": beside,
        "compared": presentation.comparison(found, beside) if beside else [],
        "others": _others(found),
        "columns": point_table.HEADINGS,
        "rows": list(point_table.rows(point_table.points_of(found))),
        **_operators(found, request),
    }
    response = render(request, PAGE, context, partial="live")
    if request.htmx and found.is_final:
        response.headers["HX-Refresh"] = "true"  # it has just ended: all of the page is another one now
    return response


def _operators(profile: Profile, request: HttpRequest) -> dict[str, Any]:
    """What the model's operators take of a run of `?rows=`, as nearly as it was measured."""
    times = operators.times_of(profile)
    if times is None:
        return {}
    return {
        "operators": operators.shown(times, _rows(request)),
        "batches": times.batches,
        "headings": operators.HEADINGS,
    }


def _rows(request: HttpRequest) -> int:
    text = request.GET.get("rows", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 1


def _charts(profile: Profile) -> list[profile_charts.Chart]:
    """While it runs those that grow alone."""
    return [chart for chart in profile_charts.CHARTS.values() if chart.live or profile.is_final]


def _others(profile: Profile) -> list[Profile]:
    rows = requests.profiles_of(profile.workspace).filter(state=JobState.SUCCEEDED).exclude(pk=profile.pk)
    return list(rows[:OFFERED])


def _beside(request: HttpRequest) -> Profile | None:
    number = request.GET.get("with", "")
    if not number:
        return None
    if not (number.isascii() and number.isdecimal() and len(number) < 16):
        raise NotFound(f"There is no profile {number[:50]} in this workspace.")
    return requests.find_profile(request.workspace, int(number))  # type: ignore[attr-defined]


@workspace_page
def profile_data(request: WorkspaceRequest, profile: int) -> JsonResponse:
    """The figures of all charts, for the script that draws them."""
    found = requests.find_profile(request.workspace, profile)
    figures = profile_charts.all_figures(found, _beside(request))
    times = operators.times_of(found)
    if times is not None:
        figures["timeline"] = operator_timeline.draw(times.timeline)
    return JsonResponse({"figures": figures})


@workspace_page
def profile_csv(request: WorkspaceRequest, profile: int) -> HttpResponse:
    """All measurements as a file, or the numbers of one chart (`?chart=latency`)."""
    found = requests.find_profile(request.workspace, profile)
    asked, times = request.GET.get("chart", ""), operators.times_of(found)
    if times is not None and asked in OF_OPERATORS:
        name = f"profile-{found.pk}-{asked}.csv"
        return point_table.csv_file(name, *OF_OPERATORS[asked](times, _rows(request)))
    chart = profile_charts.CHARTS.get(asked)
    if chart is None:
        return point_table.csv_response(found)
    headings, rows = chart.rows(found, _beside(request))
    return point_table.csv_file(f"profile-{found.pk}-{chart.id}.csv", headings, rows)


@workspace_page
def profile_json(request: WorkspaceRequest, profile: int) -> JsonResponse:
    """The result with Azure's names, as a file that a deployment takes (`--profile-input`)."""
    found = requests.find_profile(request.workspace, profile)
    headers = {"Content-Disposition": f'attachment; filename="profile-{found.pk}.json"'}
    return JsonResponse(azure.as_azure(found), headers=headers, json_dumps_params={"indent": 2})


@require_POST
@workspace_page
def profile_cancel(request: WorkspaceRequest, profile: int) -> HttpResponse:
    found = requests.find_profile(request.workspace, profile)
    if not requests.cancel(found, request.user):
        messages.info(request, "The profile had ended before.")
    return redirect(found)


@require_POST
@workspace_page
def profile_again(request: WorkspaceRequest, profile: int) -> HttpResponse:
    """A new one of the same."""
    return redirect(requests.ask_again(requests.find_profile(request.workspace, profile), request.user))


@workspace_page(role=Role.CONTRIBUTOR)
def profile_apply(request: WorkspaceRequest, profile: int) -> HttpResponse:
    """Ask, showing what the service has and what it gets; then deploy that as its next revision."""
    found = requests.find_profile(request.workspace, profile)
    given = request.POST if request.method == "POST" else request.GET
    try:
        application = apply.application_of(found, apply.service_to_apply_to(found, given.get("service", "")[:63]))
    except SlipwayError as error:
        return refuse(request, _apply_question(found), error)
    name = application.service.name
    question = _apply_question(found, name, application.changes)
    answer = unless_refused(request, question, check=lambda: None, act=lambda: _apply(found, request, name))
    page = reverse("service_detail", kwargs={"workspace": request.workspace.slug, "name": name})
    return answer or redirect(page)


def _apply_question(profile: Profile, service: str = "", changes: Sequence[Change] = ()) -> Question:
    text = "It gets a new revision, which takes over once it has proved itself; no request is lost."
    return Question(
        title=f"Apply profile {profile.pk} to {service or 'a service'}?",
        text=text if changes else "It has what is recommended already.",
        action="Apply",
        back=profile.get_absolute_url(),
        fields={"service": service},
        changes=changes,
    )


def _apply(profile: Profile, request: WorkspaceRequest, service: str) -> None:
    revision = apply.apply_to(profile, request.user, service)
    messages.success(request, f"{service} gets revision {revision.number}, with what the profile recommends.")
