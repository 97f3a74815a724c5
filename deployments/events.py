"""The events of services, their builds, inference configs and targets, and of collections."""

from typing import TypedDict

from studio.activity.events import AZURE, event_type


class Deployed(TypedDict):
    revision: int
    models: list[str]  # name:number


class OfRevision(TypedDict):
    revision: int


class BuildEnded(TypedDict):
    revision: int
    code: str
    message: str


class RolledBack(TypedDict):
    revision: int
    before: int  # the revision that was wanted until then


class KeyRegenerated(TypedDict):
    slot: str


class TokenIssued(TypedDict):
    token_id: str
    expiry_on: str  # ISO 8601


class OfKind(TypedDict):
    target_kind: str  # of deployments.targets.kinds


class Checked(TypedDict):
    problems: list[str]


class Collected(TypedDict):
    count: int
    freed_bytes: int


StateChanged = TypedDict("StateChanged", {"from": str, "to": str, "cause": str | None})

CONFIG_CREATED = event_type("config.created", "Inference config created", subject="inference config")
CONFIG_DELETED = event_type("config.deleted", "Inference config deleted", subject="inference config")

SERVICE_DEPLOYED = event_type("service.deployed", "Service deployed", subject="service", details=Deployed)
SERVICE_UPDATED = event_type("service.updated", "Service updated", subject="service", details=Deployed)
SERVICE_ROLLED_BACK = event_type("service.rolled_back", "Service rolled back", subject="service", details=RolledBack)
SERVICE_STARTED = event_type("service.started", "Service started", subject="service")
SERVICE_STOPPED = event_type("service.stopped", "Service stopped", subject="service")
SERVICE_DELETION_REQUESTED = event_type("service.deletion_requested", "Deletion requested", subject="service")
SERVICE_DELETED = event_type("service.deleted", "Service deleted", subject="service")

BUILD_SUCCEEDED = event_type("service.build_succeeded", "Build succeeded", subject="service", details=OfRevision)
BUILD_FAILED = event_type("service.build_failed", "Build failed", subject="service", details=BuildEnded)
BUILD_CANCELLED = event_type("service.build_cancelled", "Build cancelled", subject="service", details=BuildEnded)

REVISION_ACTIVATED = event_type(
    "service.revision_activated",
    "Revision activated",
    subject="service",
    details=OfRevision,
    azure=f"{AZURE}ModelDeployed",
)
STATE_CHANGED = event_type("service.state_changed", "State changed", subject="service", details=StateChanged)

KEY_REGENERATED = event_type("service.key_regenerated", "Key regenerated", subject="service", details=KeyRegenerated)
TOKEN_ISSUED = event_type("service.token_issued", "Access token issued", subject="service", details=TokenIssued)
TOKENS_REVOKED = event_type("service.tokens_revoked", "Access tokens revoked", subject="service")

TARGET_CREATED = event_type("target.created", "Target added", subject="target", details=OfKind)
TARGET_UPDATED = event_type("target.updated", "Target settings changed", subject="target")
TARGET_DELETED = event_type("target.deleted", "Target removed", subject="target")
TARGET_CHECKED = event_type("target.checked", "Target checked", subject="target", details=Checked)

COLLECTION_COMPLETED = event_type(
    "collection.completed", "Unused files removed", subject="collection", details=Collected
)
