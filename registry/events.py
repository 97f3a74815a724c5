"""The events of versions and environments."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from studio.activity.events import AZURE, event_type


class Registered(TypedDict):
    files: int
    size: int  # bytes


class Updated(TypedDict):
    what: str  # tags, description, properties
    added: NotRequired[dict[str, Any]]
    removed: NotRequired[list[str]]
    before: NotRequired[dict[str, Any]]  # values that were replaced or removed


def _updated(details: Mapping[str, Any]) -> tuple[str, str]:
    """For example ("set stage=production (was candidate), removed draft on ", "")."""
    before = details.get("before") or {}
    changes = [
        f"set {key}{f'={value}' if value != '' else ''}" + (f" (was {before[key]})" if before.get(key) else "")
        for key, value in (details.get("added") or {}).items()
    ]
    changes += [f"removed {key}" for key in details.get("removed") or []]
    return (f"{', '.join(changes)} on ", "") if changes else (f"changed the {details.get('what', 'facts')} of ", "")


class Derived(TypedDict):
    source: str  # name:number
    how: str


class Converted(TypedDict):
    outcome: str  # a sentence


class Damaged(TypedDict):
    files: list[str]  # paths


VERSION_REGISTERED = event_type(
    "version.registered",
    "Version registered",
    subject="version",
    sentence="registered {subject}",
    details=Registered,
    azure=f"{AZURE}ModelRegistered",
)
VERSION_ACCEPTED = event_type(
    "version.accepted", "Version ready", subject="version", sentence="inspected {subject}: ready"
)
VERSION_REJECTED = event_type("version.rejected", "Version rejected", subject="version", sentence="rejected {subject}")
VERSION_UPDATED = event_type(
    "version.updated", "Version updated", subject="version", sentence=_updated, details=Updated
)
VERSION_REINSPECTION_REQUESTED = event_type(
    "version.reinspection_requested",
    "Another inspection requested",
    subject="version",
    sentence="asked for another inspection of {subject}",
)
VERSION_DELETED = event_type("version.deleted", "Version deleted", subject="version", sentence="deleted {subject}")
ENVIRONMENT_CREATED = event_type(
    "environment.created", "Environment created", subject="environment", sentence="created the environment {subject}"
)
ENVIRONMENT_DELETED = event_type(
    "environment.deleted", "Environment deleted", subject="environment", sentence="deleted the environment {subject}"
)
VERSION_DAMAGED = event_type(
    "version.damaged",
    "Version damaged",
    subject="version",
    sentence="found {subject} damaged: {files}",
    details=Damaged,
)
VERSION_REPAIRED = event_type("version.repaired", "Version repaired", subject="version", sentence="repaired {subject}")
VERSION_DERIVED = event_type(
    "version.derived",
    "Version derived from another",
    subject="version",
    sentence="made {subject} from {source}: {how}",
    details=Derived,
)
VERSION_CONVERTED = event_type(
    "version.converted",
    "Conversion measured",
    subject="version",
    sentence="measured {subject} as ONNX. {outcome}",
    details=Converted,
)
