"""Keys of services: two of each, so that one can be changed while clients use the other."""

import hmac
import re
from collections.abc import Mapping

from django.db import transaction

from deployments.desired_state import change, record_event, renew_credentials
from deployments.errors import KeyExists
from deployments.events import KEY_REGENERATED
from deployments.models import Key, Service
from studio.accounts.models import User
from studio.core.errors import BadInput, NotFound
from studio.core.secrets import digest_of, new_secret

SLOTS = ("primary", "secondary")
# RFC 6750, section 2.1: what may follow `Bearer`; long enough that guessing one is hopeless
CHOSEN = re.compile(r"[A-Za-z0-9._~+/-]{16,128}={0,2}")


def create_keys(service: Service) -> None:
    """The keys of a new service."""
    Key.objects.bulk_create(Key(service=service, slot=slot, value=new_secret()) for slot in SLOTS)


def choose_keys(service: Service, actor: User, chosen: Mapping[str, str]) -> None:
    """Have the service take these values, by slot, as a deployment names them; the same ones again change nothing. Call
    it in the transaction that changes the service. Raises as `regenerate_key` does."""
    changed = {slot: value for slot, value in chosen.items() if find_key(service, slot).value != value}
    for slot, value in changed.items():
        _replace(find_key(service, slot), actor, checked_value(service, value))
    if changed:
        renew_credentials(service)


def find_key(service: Service, slot: str) -> Key:
    """The primary or secondary key. Raises `NotFound`."""
    key: Key | None = service.keys.filter(slot=slot).first()
    if key is None:
        raise NotFound(f"There is no key '{slot}'.", hint="A service has a primary and a secondary key.")
    return key


def regenerate_key(service: Service, slot: str, actor: User, value: str | None = None) -> None:
    """Replace the primary or secondary key, by `value` where one is given; the old one stops working within seconds.

    Raises `BadInput` for a value that is no key, `KeyExists` for one that the service has already.
    """
    key = find_key(service, slot)
    with transaction.atomic():
        change(service)
        _replace(key, actor, new_secret() if value is None else checked_value(service, value))
        renew_credentials(service)


def _replace(key: Key, actor: User, value: str) -> None:
    key.value = value
    key.save(update_fields=["value", "created_at"])
    record_event(KEY_REGENERATED, key.service, actor, slot=key.slot)


def checked_value(service: Service, value: str) -> str:
    """A key that a person has chosen. Raises `BadInput` or `KeyExists`."""
    if not CHOSEN.fullmatch(value):
        raise BadInput(
            "A key has 16 to 128 letters, digits and characters of . _ ~ + / -",
            hint="Leave the value out, and the studio makes a key of 256 random bits.",
            field="value",
        )
    digest = digest_of(value)
    if any(hmac.compare_digest(value, key.value) for key in service.keys.all()):
        raise KeyExists
    if service.client_keys.filter(digest=digest).exists():
        raise KeyExists
    return value
