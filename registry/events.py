"""The events of versions and environments."""

from typing import Any, NotRequired, TypedDict

from studio.activity.events import AZURE, event_type


class Registered(TypedDict):
    files: int
    size: int  # bytes


class Updated(TypedDict):
    what: str  # tags, description, properties
    added: NotRequired[dict[str, Any]]
    removed: NotRequired[list[str]]


class Damaged(TypedDict):
    files: list[str]  # paths


VERSION_REGISTERED = event_type(
    "version.registered",
    "Version registered",
    subject="version",
    details=Registered,
    azure=f"{AZURE}ModelRegistered",
)
VERSION_ACCEPTED = event_type("version.accepted", "Version ready", subject="version")
VERSION_REJECTED = event_type("version.rejected", "Version rejected", subject="version")
VERSION_UPDATED = event_type("version.updated", "Version updated", subject="version", details=Updated)
VERSION_REINSPECTION_REQUESTED = event_type(
    "version.reinspection_requested", "Another inspection requested", subject="version"
)
VERSION_DAMAGED = event_type("version.damaged", "Version damaged", subject="version", details=Damaged)
VERSION_REPAIRED = event_type("version.repaired", "Version repaired", subject="version")
VERSION_DELETED = event_type("version.deleted", "Version deleted", subject="version")
ENVIRONMENT_CREATED = event_type("environment.created", "Environment created", subject="environment")
ENVIRONMENT_DELETED = event_type("environment.deleted", "Environment deleted", subject="environment")
