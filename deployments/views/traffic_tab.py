"""The tab Traffic of a service: shares by slider or number, copies, stickiness, pins; promote and abort."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from deployments.errors import BadTraffic
from deployments.models import Phase, Service
from deployments.services import traffic
from deployments.services.queries import find
from deployments.traffic.front_address import front_address_of
from deployments.traffic.front_reports import front_problem
from studio.accounts.access import WorkspaceRequest, workspace_page
from studio.core.errors import SlipwayError


def traffic_panel(service: Service) -> dict[str, Any]:
    """What the tab shows."""
    found = traffic.describe_traffic(service)
    address = front_address_of(service)
    rows = [row | {"tone": Phase(row["state"]).tone} for row in found["revisions"]]
    kind, by = next(iter((found["sticky"] or {}).items()), ("chance", ""))
    return {
        "shares": rows,
        "may_mirror": any(not row["is_default"] for row in rows),
        "sticky_kind": kind,
        "sticky_name": by,
        "front_address": address,
        "front_problem": front_problem(),
        "pin": _pin(address, rows),
    }


def _pin(address: str, rows: list[dict[str, Any]]) -> str:
    """A command that asks for one of the revisions."""
    if not address or not rows:
        return ""
    wanted = rows[-1]["label"] or rows[-1]["revision"]
    return (
        f"curl {address}/score -H 'Authorization: Bearer KEY' "
        f"-H 'x-slipway-revision: {wanted}' -H 'Content-Type: application/json' -d @request.json"
    )


@require_POST
@workspace_page
def service_traffic(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Change shares; `promote` and `abort` are buttons of the same form. A refusal is told at the top of the tab."""
    service = find(request.workspace, name)
    try:
        _do(request, service, request.POST)
    except SlipwayError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
    else:
        messages.success(request, f"The traffic of {name} is changed.")
    return redirect(f"{reverse('service_detail', args=[service.workspace.slug, service.name])}?tab=traffic")


def _do(request: WorkspaceRequest, service: Service, form: QueryDict) -> None:
    if form.get("promote"):
        traffic.promote(service, request.user, _whole(str(form["promote"])))
    elif form.get("abort"):
        traffic.abort(service, request.user)
    else:
        traffic.change_traffic(service, request.user, _asked(form))


def _asked(form: QueryDict) -> traffic.TrafficRequest:
    kind = form.get("sticky_kind", "chance")
    return traffic.TrafficRequest(
        percents=_numbers(form, "share-"),
        mirrors=_numbers(form, "mirror-"),
        sticky={} if kind == "chance" else {kind: form.get("sticky_name", "")},
        reason=form.get("reason", "")[:2000],
    )


def _numbers(form: QueryDict, prefix: str) -> dict[int, float]:
    """Fields such as share-2, by number of revision."""
    found = {}
    for key, text in form.items():
        if key.startswith(prefix):
            try:
                found[_whole(key.removeprefix(prefix))] = float(str(text) or "0")
            except ValueError as error:
                raise BadTraffic(f"'{str(text)[:50]}' is no number.", hint="For example: 12.5.") from error
    return found


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:10]) < 2**31):
        raise BadTraffic("That is no number of a revision.", hint="Choose one on the page.")
    return int(text)
