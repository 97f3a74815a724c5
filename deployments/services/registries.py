"""What people do with registries of images: add, change, remove."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from deployments.events import REGISTRY_CREATED, REGISTRY_DELETED, REGISTRY_UPDATED
from deployments.models import ImageRegistry
from studio.accounts.models import User, Workspace, slug_rule
from studio.activity.recording import record
from studio.core.errors import BadInput, Conflict, NotFound

ADDRESS = re.compile(
    r"(?=.{1,200}\Z)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*\Z"
)
CHANGEABLE = ("address", "username", "password", "push")


def list_registries(workspace: Workspace) -> QuerySet[ImageRegistry]:
    """By name."""
    return ImageRegistry.objects.in_workspace(workspace).order_by("name")


def find_registry(workspace: Workspace, name: str) -> ImageRegistry:
    """Raises `NotFound`."""
    found: ImageRegistry | None = list_registries(workspace).filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no registry '{name[:100]}' in {workspace}.")
    return found


def add_registry(workspace: Workspace, actor: User, name: str, **settings: Any) -> ImageRegistry:
    """A new registry. Raises `BadInput` for a name or an address that cannot be, `Conflict` for a name in use."""
    try:
        slug_rule(name)
    except ValidationError as error:
        raise BadInput(
            f"'{name[:100]}' is not a possible name of a registry. {error.messages[0]}", field="name"
        ) from error
    registry = ImageRegistry(workspace=workspace, name=name)
    _apply(registry, settings)
    try:
        with transaction.atomic():
            registry.save(force_insert=True)
            record(REGISTRY_CREATED, registry, workspace=workspace, actor=actor)
    except IntegrityError as error:
        raise Conflict(f"There is a registry '{name}' in {workspace} already.", field="name") from error
    return registry


def change_registry(registry: ImageRegistry, actor: User, **settings: Any) -> None:
    """Change what is given; the rest stays. Raises `BadInput`."""
    _apply(registry, settings)
    with transaction.atomic():
        registry.save()
        record(REGISTRY_UPDATED, registry, workspace=registry.workspace, actor=actor)


def remove_registry(registry: ImageRegistry, actor: User) -> None:
    """Forget it with its password; the images there stay."""
    with transaction.atomic():
        record(REGISTRY_DELETED, registry, workspace=registry.workspace, actor=actor)
        registry.delete()


def _apply(registry: ImageRegistry, settings: dict[str, Any]) -> None:
    for name in CHANGEABLE:
        if name in settings:
            setattr(registry, name, settings[name])
    registry.changed_at = timezone.now()
    if not ADDRESS.match(registry.address):
        raise BadInput(
            f"'{registry.address[:100]}' is no address of a registry.",
            hint="Write what names of its images begin with, such as registry.example.org:5000/models; no https://.",
            field="address",
        )
    if registry.password and not registry.username:
        raise BadInput("A password needs a user name.", field="username")
