"""Stop, start and delete services: one conditional update of the desired state; the reconcile loop does the rest."""

from django.db import transaction

from deployments import events
from deployments.desired_state import change, record_event, request_advance, transition_columns
from deployments.models import Desired, Phase, Service
from deployments.services import operations
from deployments.services.operations import Verb
from deployments.version_uses import record_uses
from studio.accounts.models import User
from studio.activity.events import EventType


def stop(service: Service, actor: User) -> None:
    """End the process; name, address and keys stay."""
    operations.check(service, Verb.STOP)
    _set_desired(service, actor, Desired.STOPPED, events.SERVICE_STOPPED)


def start(service: Service, actor: User) -> None:
    """Run it again; also the way to retry after a failure. Raises as `operations.check` does."""
    operations.check(service, Verb.START)
    _set_desired(service, actor, Desired.RUNNING, events.SERVICE_STARTED)


def delete(service: Service, actor: User) -> None:
    """Remove the process and everything of the service; the loop frees its name when the process is gone."""
    if service.desired == Desired.DELETED:
        return
    _set_desired(service, actor, Desired.DELETED, events.SERVICE_DELETION_REQUESTED)


def _set_desired(service: Service, actor: User, desired: str, kind: EventType) -> None:
    columns = transition_columns() | {"desired": desired}
    with transaction.atomic():
        change(service, **columns)
        record_uses(service)
        record_event(kind, service, actor)
        request_advance(service)
    service.desired, service.changed_at = desired, columns["changed_at"]
    service.phase, service.cause = Phase.TRANSITIONING, None
