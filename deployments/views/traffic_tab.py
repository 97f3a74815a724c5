"""What the tab Traffic shows: the split and its form, what runs, the rollout, and what was before."""

from typing import Any

from django.http import QueryDict

from deployments.control.facts import traffic_of
from deployments.models import Phase, RevisionModel, Service
from deployments.rollouts.moving import running
from deployments.services import operations, traffic
from deployments.services.operations import Verb
from deployments.services.rollback import can_be_rolled_back_to
from deployments.services.split_history import splits_of
from deployments.traffic.front_address import front_address_of
from deployments.traffic.front_reports import front_problem
from deployments.views import rollout_preview, split_form
from deployments.views.rollout_form import RolloutForm
from deployments.views.rollout_panel import rollout_card, rollouts_before
from deployments.views.split_form import colour_of, parts_of
from studio.core.errors import SlipwayError

MOVING = {Phase.TRANSITIONING, Phase.UNHEALTHY, Phase.UNSCHEDULABLE}


def traffic_panel(
    service: Service,
    *,
    typed: QueryDict | None = None,
    error: SlipwayError | None = None,
    form: RolloutForm | None = None,
) -> dict[str, Any]:
    """`typed`: what stands in the form of the split, which `error` is about; `form`: that of a rollout, as sent."""
    found = traffic.describe_traffic(service)
    rollout, address = rollout_card(service), front_address_of(service)
    rows = _rows(service, found)
    locked = _why_locked(service)
    return {
        **_split(service, found, rows, typed),
        **running_panel(service, found, rows),
        "traffic_error": error,
        "changes": split_form.changes_since(str(typed.get("seen", "")), found) if typed and error else [],
        "locked": locked,
        "rollout": rollout,
        "rollout_runs": bool(rollout and rollout["is_running"]),
        **({} if locked and form is None else _start(service, form or RolloutForm(service))),
        "before": rollouts_before(service),
        "splits": [(split, parts_of(split.percents)) for split in splits_of(service)],
        "front_address": address,
        "front_problem": front_problem(),
        "pin": _pin(address, rows),
    }


def _start(service: Service, form: RolloutForm) -> dict[str, Any]:
    return {"form": form, "may_start": form.can_start, **rollout_preview.preview(service, form)}


def running_panel(
    service: Service, found: dict[str, Any] | None = None, rows: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """What runs: the part of the tab that refreshes itself."""
    rows = rows if rows is not None else _rows(service, found or traffic.describe_traffic(service))
    return {
        "shares": rows,
        "shadows": [row for row in rows if row["mirror_percent"] or row.get("shadow")],
        "previous": _previous(service),
        "revisions_move": any(Phase(row["state"]) in MOVING for row in rows),
        "locked": _why_locked(service),
    }


def _rows(service: Service, found: dict[str, Any]) -> list[dict[str, Any]]:
    """By revision, with what the page adds: tone, colour, models."""
    revisions = [share.revision_id for share in traffic_of(service)]
    uses = RevisionModel.objects.filter(revision__in=revisions).select_related("version__model", "revision")
    models: dict[int, list[Any]] = {}
    for use in uses.order_by("version__model__name"):
        models.setdefault(use.revision.number, []).append(use.version)
    return [
        row
        | {
            "tone": Phase(row["state"]).tone,
            "colour": colour_of(row["revision"]),
            "models": models.get(row["revision"], []),
            "agreement": _agreement(row.get("shadow")),
        }
        for row in found["revisions"]
    ]


def _agreement(shadow: dict[str, Any] | None) -> str:
    """Of a shadow's answers with those that callers got, in per cent."""
    if not shadow or not shadow["compared"]:
        return ""
    return f"{100 * (1 - shadow['disagreed'] / shadow['compared']):.4g}"


def _split(
    service: Service, found: dict[str, Any], rows: list[dict[str, Any]], typed: QueryDict | None
) -> dict[str, Any]:
    """The values of the form: what was typed, else what is."""
    kind, by = next(iter((found["sticky"] or {}).items()), ("chance", ""))
    values = typed if typed is not None else QueryDict()
    fields = [
        row
        | {
            "typed": values.get(f"share-{row['revision']}", f"{row['percent']:g}"),
            "typed_mirror": values.get(f"mirror-{row['revision']}", f"{row['mirror_percent']:g}"),
        }
        for row in rows
    ]
    return {
        "fields": fields,
        "parts": parts_of({row["revision"]: row["percent"] for row in rows}),
        "generation": found["generation"],
        "seen": split_form.as_drawn(found),
        "sticky_kind": values.get("sticky_kind", kind),
        "sticky_name": values.get("sticky_name", by),
        "hosts": values.get("hosts", " ".join(found["hosts"])),
        "reason": values.get("reason", ""),
        "command": split_form.command(service.name, _present(found)),
    }


def _present(found: dict[str, Any]) -> traffic.TrafficRequest:
    rows = found["revisions"]
    return traffic.TrafficRequest(
        percents={row["revision"]: row["percent"] for row in rows},
        mirrors={row["revision"]: row["mirror_percent"] for row in rows},
        sticky=found["sticky"],
        hosts=found["hosts"] or None,
    )


def _why_locked(service: Service) -> str:
    """Why the split cannot be changed now, in a sentence; empty where it can."""
    if rollout := running(service):
        return f"The rollout to revision {rollout.candidate} moves the shares while it is under way."
    try:
        operations.check(service, Verb.CHANGE_TRAFFIC)
    except SlipwayError as error:
        return error.message
    return ""


def _previous(service: Service) -> int | None:
    """The revision that a click goes back to."""
    row = service.revisions.filter(number=service.previous_revision).first()
    is_other = row is not None and row.number != service.default_revision
    return row.number if row and is_other and can_be_rolled_back_to([row]) else None


def _pin(address: str, rows: list[dict[str, Any]]) -> str:
    """A command that asks for one of the revisions."""
    if not address or not rows:
        return ""
    wanted = rows[-1]["label"] or rows[-1]["revision"]
    return (
        f"curl {address}/score -H 'Authorization: Bearer KEY' "
        f"-H 'x-slipway-revision: {wanted}' -H 'Content-Type: application/json' -d @request.json"
    )
