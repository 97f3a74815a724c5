"""Pages of a service's client keys: list and create, change limits, regenerate, delete."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from deployments.models import ClientKey, Service
from deployments.services import client_keys
from deployments.services.client_keys import Limits
from deployments.services.key_use import Use, use_by_key
from deployments.services.keys import SLOTS
from deployments.services.queries import find
from deployments.services.tokens import refuse_keys
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.accounts.models import Role
from studio.core.confirmation import Question, ask
from studio.core.errors import SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render

KEPT, NEVER = "keep", ""
EXPIRIES = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), (NEVER, "never")]


class LimitsForm(forms.Form):
    days = forms.ChoiceField(label="Expires after", choices=EXPIRIES, initial="365", required=False)
    requests_a_day = forms.IntegerField(
        label="Requests a day", required=False, min_value=1, help_text="Of a UTC day. Empty: no limit."
    )
    rows_a_day = forms.IntegerField(
        label="Rows a day",
        required=False,
        min_value=1,
        help_text="What a model without entry script answers; with one a request is one row. Empty: no limit.",
    )

    def limits(self, before: ClientKey | None = None) -> Limits:
        given = self.cleaned_data
        expires_at = timezone.now() + timedelta(days=int(given["days"])) if given["days"].isdecimal() else None
        if given["days"] == KEPT and before is not None:
            expires_at = before.expires_at
        return Limits(expires_at, given["requests_a_day"], given["rows_a_day"])


class NewKeyForm(LimitsForm):
    name = forms.CharField(max_length=63, help_text="Who will use it, such as shop: letters, digits and '-'.")
    value = forms.CharField(
        label="Key of your own",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Empty: a key of 256 random bits is made.",
    )
    field_order = ("name", "days", "requests_a_day", "rows_a_day", "value")


@never_cache
@workspace_page(role=Role.CONTRIBUTOR)
def client_key_list(request: WorkspaceRequest, name: str) -> HttpResponse:
    """All client keys with what came with each, and a form for another one."""
    service = find(request.workspace, name)
    refuse_keys(service)
    form, value, status = NewKeyForm(request.POST or None), None, 200
    if form.is_bound:
        value, form = _create(request, service, form)
        status = 200 if value else 422
    return _list(request, service, status=status, form=form, value=value)


def _create(request: WorkspaceRequest, service: Service, form: NewKeyForm) -> tuple[str | None, NewKeyForm]:
    if form.is_valid():
        given = form.cleaned_data
        try:
            _, value = client_keys.create_client_key(
                service, request.user, given["name"], form.limits(), given["value"] or None
            )
        except SlipwayError as error:
            show(form, error)
        else:
            return value, NewKeyForm()
    return None, form


@workspace_page(role=Role.CONTRIBUTOR)
def client_key_change(request: WorkspaceRequest, name: str, key: str) -> HttpResponse:
    """Other limits."""
    service = find(request.workspace, name)
    row = client_keys.find_client_key(service, key)
    form = LimitsForm(request.POST or None, initial=_initial(row))
    form.fields["days"].choices = [(KEPT, _expiry(row)), *EXPIRIES]  # type: ignore[attr-defined]
    if form.is_valid():
        try:
            client_keys.change_client_key(service, request.user, key, form.limits(row))
        except SlipwayError as error:
            show(form, error)
        else:
            messages.success(request, f"The limits of the client key {key} are changed.")
            return redirect(_page(service))
    status = 422 if form.errors else 200
    context = {"service": service, "key": row, "form": form}
    return render(request, "deployments/client_key.html", context, status=status)


@never_cache
@workspace_page(role=Role.CONTRIBUTOR)
def client_key_regenerate(request: WorkspaceRequest, name: str, key: str) -> HttpResponse:
    """Ask, then replace the value and show the new one."""
    service = find(request.workspace, name)
    client_keys.find_client_key(service, key)
    if request.method != "POST":
        title, text = f"Create a new value for the key {key}?", "Its client is refused within seconds until it has it."
        return ask(request, Question(title=title, text=text, action="Create a new value", back=_page(service)))
    _, value = client_keys.regenerate_client_key(service, request.user, key)
    return _list(request, service, form=NewKeyForm(), value=value)


@workspace_page(role=Role.CONTRIBUTOR)
def client_key_delete(request: WorkspaceRequest, name: str, key: str) -> HttpResponse:
    """Ask, then delete."""
    service = find(request.workspace, name)
    client_keys.find_client_key(service, key)
    if request.method != "POST":
        title, text = f"Delete the client key {key}?", "Requests with it are refused within seconds."
        return ask(request, Question(title=title, text=text, action=f"Delete {key}", back=_page(service)))
    client_keys.delete_client_key(service, request.user, key)
    messages.success(request, f"The client key {key} is deleted.")
    return redirect(_page(service))


def _list(request: WorkspaceRequest, service: Service, *, status: int = 200, **more: Any) -> HttpResponse:
    use = use_by_key(service)
    context = {
        "service": service,
        "rows": [{"key": key, "use": use.get(key.name, Use())} for key in service.client_keys.order_by("name")],
        "own": [{"slot": slot, "use": use.get(slot, Use())} for slot in SLOTS],
        **more,
    }
    return render(request, "deployments/client_keys.html", context, status=status)


def _initial(row: ClientKey) -> dict[str, Any]:
    return {"days": KEPT, "requests_a_day": row.requests_a_day, "rows_a_day": row.rows_a_day}


def _expiry(row: ClientKey) -> str:
    return f"as now: {row.expires_at:%Y-%m-%d}" if row.expires_at else "as now: never"


def _page(service: Service) -> str:
    return reverse("client_key_list", kwargs={"workspace": service.workspace.slug, "name": service.name})
