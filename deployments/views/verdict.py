"""Which of two revisions is better for users: a page, and a panel of the tab Traffic."""

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpResponse

from deployments.models import Service
from deployments.services.outcomes import VerdictRequest, describe_verdict, names_of_outcomes
from deployments.services.queries import find
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.core.errors import SlipwayError
from studio.core.pages import render

PAGE = "deployments/verdict.html"
WORDS = {  # and the tone of the badge
    "split_wrong": ("Wrong split", "bad"),
    "not_enough_data": ("Not enough data yet", "idle"),
    "better": ("Better", "ok"),
    "better_but_little": ("Better, by less than matters", "ok"),
    "worse": ("Worse", "bad"),
    "no_difference": ("No difference that matters", "idle"),
}
WAITS = {
    3600: "1 hour",
    43_200: "12 hours",
    86_400: "1 day",
    259_200: "3 days",
    604_800: "7 days",
    1_209_600: "14 days",
}


class VerdictForm(forms.Form):
    """What is compared, and how."""

    name = forms.ChoiceField(label="Outcome")
    matters = forms.FloatField(label="Matters from", min_value=1e-9, max_value=1e12)
    wait = forms.TypedChoiceField(label="Outcomes take up to", choices=WAITS, coerce=int)


@workspace_page
def service_verdict(request: WorkspaceRequest, name: str) -> HttpResponse:
    """The verdict of an outcome; for htmx the panel alone."""
    service = find(request.workspace, name)
    names = names_of_outcomes(service)
    asked = {"name": names[0] if names else "outcome", "matters": "0.02", "wait": "86400"} | request.GET.dict()
    form = VerdictForm(asked)
    form.fields["name"].choices = [(one, one) for one in names]  # type: ignore[attr-defined]
    context = {"service": service, "form": form, "names": names, "call": _call(request, service)}
    context |= _found(service, form) if form.is_valid() or not names else {}
    return render(request, PAGE, context, partial="verdict" if request.htmx else None)


def _found(service: Service, form: VerdictForm) -> dict[str, Any]:
    asked = VerdictRequest()
    if form.is_valid():
        given = form.cleaned_data
        asked = VerdictRequest(name=given["name"], matters=given["matters"], wait=timedelta(seconds=given["wait"]))
    try:
        found = describe_verdict(service, asked)
    except SlipwayError as error:
        return {"refused": f"{error.message} {error.hint}".strip()}
    text, tone = WORDS[found["verdict"]]
    arms = (found["control"], found["candidate"])
    return {"found": found, "arms": arms, "expected": 100 * found["expected_share"], "text": text, "tone": tone}


def _call(request: WorkspaceRequest, service: Service) -> str:
    """A command that tells an outcome."""
    place = f"/api/v1/workspaces/{service.workspace.slug}/services/{service.name}/outcomes"
    body = '{"outcomes": [{"user": "ann", "name": "bought", "value": 1}]}'
    return (
        f"curl {request.build_absolute_uri(place)} -H 'Authorization: Bearer TOKEN' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )
