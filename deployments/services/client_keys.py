"""Keys of single clients: named, with an expiry and quotas that the front holds. Their values are shown once."""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from deployments.desired_state import change, record_event, request_advance
from deployments.errors import ClientKeyNameTaken
from deployments.events import (
    CLIENT_KEY_CHANGED,
    CLIENT_KEY_CREATED,
    CLIENT_KEY_DELETED,
    CLIENT_KEY_REGENERATED,
)
from deployments.models import ClientKey, KeyUse, Service
from deployments.services.keys import SLOTS, checked_value
from deployments.services.tokens import refuse_keys
from scoring.contract import KEYS
from studio.accounts.models import User, slug_rule
from studio.activity.events import EventType
from studio.core.enqueue import enqueue_task_on_commit
from studio.core.errors import BadInput, Conflict, NotFound
from studio.core.secrets import digest_of, new_secret

MOST = 200  # of a service
HINT = 6  # characters of a value that pages show


@dataclass(frozen=True)
class Limits:
    """When a key stops working, and how many requests and rows may come with it in a UTC day; None: never, no limit.
    A request of more rows than are left is still answered."""

    expires_at: datetime | None = None
    requests_a_day: int | None = None
    rows_a_day: int | None = None


@transaction.atomic
def create_client_key(
    service: Service, actor: User, name: str, limits: Limits | None = None, value: str | None = None
) -> tuple[ClientKey, str]:
    """A new key and its value, which nothing shows again. `value`: chosen by the person; None: made here.

    Raises `BadInput` for a name, limit or value that cannot be used, `ClientKeyNameTaken`, `KeyExists`, `TakesNoKeys`.
    """
    limits = limits or Limits()
    refuse_keys(service)
    _check_name(service, name)
    _check(limits)
    _touch(service)
    if service.client_keys.count() >= MOST:
        raise Conflict(f"A service has at most {MOST} client keys.", hint="Delete those that nobody uses.")
    secret = new_secret() if value is None else checked_value(service, value)
    key = ClientKey.objects.create(
        service=service,
        name=name,
        digest=digest_of(secret),
        hint=secret[:HINT],
        created_by=actor,
        expires_at=limits.expires_at,
        requests_a_day=limits.requests_a_day,
        rows_a_day=limits.rows_a_day,
    )
    record_event(CLIENT_KEY_CREATED, service, actor, key=name)
    return key, secret


@transaction.atomic
def change_client_key(service: Service, actor: User, name: str, limits: Limits) -> ClientKey:
    """Give a key other limits. Raises `NotFound`, `BadInput`."""
    key = find_client_key(service, name)
    _check(limits)
    key.expires_at, key.requests_a_day, key.rows_a_day = limits.expires_at, limits.requests_a_day, limits.rows_a_day
    return _save(key, CLIENT_KEY_CHANGED, actor)


@transaction.atomic
def regenerate_client_key(service: Service, actor: User, name: str) -> tuple[ClientKey, str]:
    """Replace the value; the old one stops working within seconds. Name, limits and use stay. Raises `NotFound`."""
    key, secret = find_client_key(service, name), new_secret()
    key.digest, key.hint = digest_of(secret), secret[:HINT]
    return _save(key, CLIENT_KEY_REGENERATED, actor), secret


@transaction.atomic
def delete_client_key(service: Service, actor: User, name: str) -> None:
    """Its requests are refused within seconds. Raises `NotFound`."""
    key = find_client_key(service, name)
    _touch(service)
    key.delete()
    KeyUse.objects.filter(service=service, key=name).delete()
    record_event(CLIENT_KEY_DELETED, service, actor, key=name)


def find_client_key(service: Service, name: str) -> ClientKey:
    """Raises `NotFound`."""
    key: ClientKey | None = service.client_keys.filter(name=name).first()
    if key is None:
        raise NotFound(
            f"'{service.name}' has no client key '{name}'.",
            hint=f"`slipway client-key list {service.name}` names those that it has.",
        )
    return key


def _save(key: ClientKey, event: EventType, actor: User) -> ClientKey:
    _touch(key.service)
    key.save()
    record_event(event, key.service, actor, key=key.name)
    return key


def _touch(service: Service) -> None:
    """One change at a time, and the routing that the front gets is written anew."""
    change(service)
    request_advance(service)
    enqueue_task_on_commit("deployments.tasks.write_routing")


def _check_name(service: Service, name: str) -> None:
    try:
        slug_rule(name)
    except ValidationError as error:
        raise BadInput(str(error.message), field="name") from error
    if name in {*SLOTS, *KEYS}:
        raise BadInput(f"'{name}' has a meaning of its own.", hint="Name the client that will use it.", field="name")
    if service.client_keys.filter(name=name).exists():
        raise ClientKeyNameTaken(service.name, name)


def _check(limits: Limits) -> None:
    if limits.expires_at is not None and limits.expires_at <= timezone.now():
        raise BadInput("The key would have expired already.", hint="Choose a later time.", field="expires_at")
    for field in ("requests_a_day", "rows_a_day"):
        quota = getattr(limits, field)
        if quota is not None and not 1 <= quota < 2**53:
            raise BadInput("A quota is a whole number, 1 or more.", hint="Leave it out for no limit.", field=field)
