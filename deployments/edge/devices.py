"""What people do with devices: add, label, give new keys, revoke, remove."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from deployments.edge.signing import public_key
from deployments.events import (
    DEVICE_ADDED,
    DEVICE_KEY_REGENERATED,
    DEVICE_KEY_REVOKED,
    DEVICE_LABELLED,
    DEVICE_REMOVED,
)
from deployments.models import Device, Target
from deployments.targets.edge.waves import BadWaves, read_waves
from scoring.edge_contract import KEY_PREFIX
from studio.accounts.models import User, slug_rule
from studio.activity.events import EventType
from studio.activity.recording import record
from studio.core.errors import BadInput, Conflict, NotFound
from studio.core.secrets import digest_of, new_secret

KIND = "edge"
HINT = 10  # characters of a key that pages show
MOST_LABELS = 20


@transaction.atomic
def add_device(target: Target, actor: User, name: str, labels: Iterable[str] = ()) -> tuple[Device, str]:
    """A new device and its key, which nothing shows again. Raises `BadInput`, `Conflict`."""
    _refuse_other_kinds(target)
    _check_name(name)
    key = f"{KEY_PREFIX}{new_secret()}"
    facts: dict[str, Any] = {"labels": _checked(labels), "key_digest": digest_of(key), "key_hint": key[:HINT]}
    try:
        with transaction.atomic():
            device = Device.objects.create(target=target, name=name, created_by=actor, **facts)
    except IntegrityError as error:
        raise Conflict(f"There is a device '{name}' in {target} already.", field="name") from error
    _record(DEVICE_ADDED, device, actor)
    return device, key


@transaction.atomic
def label_device(device: Device, actor: User, labels: Iterable[str]) -> None:
    """Give it these labels in place of those it has. Raises `BadInput`."""
    device.labels = _checked(labels)
    device.save(update_fields=["labels"])
    _record(DEVICE_LABELLED, device, actor)


@transaction.atomic
def regenerate_key(device: Device, actor: User) -> str:
    """A new key; the old one stops working at once."""
    key = f"{KEY_PREFIX}{new_secret()}"
    device.key_digest, device.key_hint = digest_of(key), key[:HINT]
    device.save(update_fields=["key_digest", "key_hint"])
    _record(DEVICE_KEY_REGENERATED, device, actor)
    return key


@transaction.atomic
def revoke_key(device: Device, actor: User) -> None:
    """The studio answers the device no more. What runs there goes on."""
    device.key_digest = device.key_hint = ""
    device.save(update_fields=["key_digest", "key_hint"])
    _record(DEVICE_KEY_REVOKED, device, actor)


@transaction.atomic
def remove_device(device: Device, actor: User) -> None:
    """Forget it. What runs there goes on."""
    _record(DEVICE_REMOVED, device, actor)
    device.delete()


def find_device(target: Target, name: str) -> Device:
    """Raises `NotFound`."""
    found: Device | None = target.devices.filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no device '{name}' in {target}.", hint=f"`slipway device list {target}` names them.")
    return found


def device_of_key(key: str) -> Device | None:
    """Whose key it is; None for nobody's."""
    if not key.startswith(KEY_PREFIX):
        return None
    return Device.objects.select_related("target__workspace").filter(key_digest=digest_of(key)).first()


def agent_settings(device: Device, key: str) -> dict[str, str]:
    """`agent.json` of the device."""
    return {
        "studio": settings.STUDIO_URL.rstrip("/"),
        "device": str(device.pk),
        "key": key,
        "public_key": public_key(),
    }


def _record(event: EventType, device: Device, actor: User) -> None:
    record(event, device.target, workspace=device.target.workspace, actor=actor, device=device.name)


def _refuse_other_kinds(target: Target) -> None:
    if target.kind != KIND:
        raise BadInput(
            f"The target '{target}' has no devices: it is of the kind '{target.kind}'.",
            hint="Add one with 'slipway target add NAME --kind edge'.",
        )


def _check_name(name: str) -> None:
    try:
        slug_rule(name)
    except ValidationError as error:
        raise BadInput(f"'{name[:100]}' is no possible name of a device. {error.messages[0]}", field="name") from error


def _checked(labels: Iterable[str]) -> list[str]:
    found = sorted({label.strip() for label in labels if label.strip()})
    if len(found) > MOST_LABELS:
        raise BadInput(f"A device has at most {MOST_LABELS} labels.", field="labels")
    for label in found:
        try:
            read_waves(f"label:{label}")
        except BadWaves as error:
            raise BadInput(
                f"'{label[:50]}' is no label.", hint="Letters, digits, '.', '_' and '-', 63 at most.", field="labels"
            ) from error
    return found
