"""Keys of services: two of each, so that one can be changed while clients use the other."""

import secrets

from django.db import transaction
from django.db.models import F

from deployments.desired_state import change, record_event, renew_credentials
from deployments.events import KEY_REGENERATED
from deployments.models import Key, Service
from studio.accounts.models import User
from studio.core.errors import NotFound

SLOTS = ("primary", "secondary")


def new_secret() -> str:
    """256 random bits, printable."""
    return secrets.token_urlsafe(32)


def create_keys(service: Service) -> None:
    """The keys of a new service."""
    Key.objects.bulk_create(Key(service=service, slot=slot, value=new_secret()) for slot in SLOTS)


def find_key(service: Service, slot: str) -> Key:
    """The primary or secondary key. Raises `NotFound`."""
    key: Key | None = service.keys.filter(slot=slot).first()
    if key is None:
        raise NotFound(f"There is no key '{slot}'.", hint="A service has a primary and a secondary key.")
    return key


def regenerate_key(service: Service, slot: str, actor: User) -> None:
    """Replace the primary or secondary key; the old one stops working within seconds."""
    key = find_key(service, slot)
    with transaction.atomic():
        key.value = new_secret()
        key.save(update_fields=["value", "created_at"])
        change(service, generation=F("generation") + 1)
        renew_credentials(service)
        record_event(KEY_REGENERATED, service, actor, slot=slot)
