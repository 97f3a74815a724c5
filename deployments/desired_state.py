"""How every verb changes the desired state of a service: one conditional update, and an event beside it."""

from typing import Any

from django.db.models import F
from django.utils import timezone

from deployments.errors import ChangedMeanwhile
from deployments.models import Phase, Service
from studio.accounts.models import User
from studio.activity.events import EventType
from studio.activity.recording import record


def transition_columns() -> dict[str, Any]:
    """The columns that every change of the desired state sets: the clock restarts, and the loop is due."""
    now = timezone.now()
    return {
        "generation": F("generation") + 1,
        "changed_at": now,
        "due_at": now,
        "updated_at": now,
        "phase": Phase.TRANSITIONING,
        "cause": None,
    }


def change(service: Service, **facts: Any) -> None:
    """Update the row unless it has changed since it was read; then `ChangedMeanwhile`."""
    seen = Service.objects.filter(pk=service.pk, generation=service.generation)
    if not seen.update(**facts):
        raise ChangedMeanwhile(service.name)


def record_event(kind: EventType, service: Service, actor: User | None, *, reason: str = "", **details: Any) -> None:
    """The event of a change; call it in the transaction of the change."""
    record(kind, service, workspace=service.workspace, actor=actor, reason=reason, **details)
