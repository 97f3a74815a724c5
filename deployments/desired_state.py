"""How every verb changes the desired state of a service: one conditional update, and an event beside it."""

from typing import Any

from django.db.models import F
from django.utils import timezone

from deployments.errors import ChangedMeanwhile
from deployments.models import Instance, InstanceDesired, Phase, Service
from studio.accounts.models import User
from studio.activity.events import EventType
from studio.activity.recording import record
from studio.core.enqueue import enqueue_task_on_commit


def transition_columns() -> dict[str, Any]:
    """The columns that every change of the desired state sets: the clock restarts, the service-level step is due."""
    now = timezone.now()
    return {
        "changed_at": now,
        "due_at": now,
        "updated_at": now,
        "phase": Phase.TRANSITIONING,
        "cause": None,
    }


def change(service: Service, **facts: Any) -> None:
    """Update the row, its generation with it, unless it has changed since it was read; then `ChangedMeanwhile`."""
    seen = Service.objects.filter(pk=service.pk, generation=service.generation)
    if not seen.update(generation=F("generation") + 1, **facts):
        raise ChangedMeanwhile(service.name)
    service.generation += 1


def request_advance(service: Service) -> None:
    """Have the service-level step run. Call it in the transaction of what it should look at."""
    Service.objects.filter(pk=service.pk).update(due_at=timezone.now())
    enqueue_task_on_commit("deployments.tasks.advance", service.pk)


def renew_credentials(service: Service) -> None:
    """Have every running instance get the service's keys or secret as they are now. Call it in the transaction that
    changes them; the service-level step then says that the change is carried out."""
    request_advance(service)
    running = Instance.objects.filter(service=service, desired=InstanceDesired.RUNNING)
    running.update(generation=F("generation") + 1, due_at=timezone.now())
    for key in running.values_list("pk", flat=True):
        enqueue_task_on_commit("deployments.tasks.reconcile", key)
    enqueue_task_on_commit("deployments.tasks.write_routing")


def record_event(kind: EventType, service: Service, actor: User | None, *, reason: str = "", **details: Any) -> None:
    """The event of a change; call it in the transaction of the change."""
    record(kind, service, workspace=service.workspace, actor=actor, reason=reason, **details)
