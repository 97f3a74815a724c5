"""Write an event into the audit trail, and into the outbox for everybody who consumes events."""

from typing import Any

from django.db import transaction
from django.db.models import Model

from studio.accounts.models import User, Workspace
from studio.activity.events import EventType
from studio.activity.models import SLIPWAY, Event
from studio.activity.outbox import add_entries


def record(
    kind: EventType,
    subject: Model,
    *,
    workspace: Workspace,
    actor: User | None = None,
    reason: str = "",
    **details: Any,
) -> Event:
    """Write an event about `subject` and its outbox entries. Call it inside the transaction that changes the subject.

    Raises TypeError when `subject` or `details` are not what the type declares.
    """
    subject_type = str(subject._meta.verbose_name)
    kind.check(subject_type, details)
    with transaction.atomic(savepoint=False):
        event = Event.objects.create(
            workspace=workspace,
            action=kind.name,
            subject_type=subject_type,
            subject_id=str(subject.pk),
            subject_label=str(subject),
            actor=actor,
            actor_name=actor.get_username() if actor else SLIPWAY,
            reason=reason,
            details=details,
        )
        add_entries(event)
    return event
