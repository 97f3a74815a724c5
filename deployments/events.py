"""The events of services, their builds, inference configs and targets, and of collections."""

from collections.abc import Mapping
from typing import Any, TypedDict

from studio.activity.events import AZURE, event_type

SHOWN_CHANGES = 5  # files that the sentence of a reload names


class Deployed(TypedDict):
    revision: int
    models: list[str]  # name:number


class Packed(TypedDict):
    form: str  # image or context
    of: str


class OfRevision(TypedDict):
    revision: int


class Reloaded(TypedDict):
    revision: int
    changes: list[str]  # "changed score.py"
    content: str  # hash of all that runs


class BuildEnded(TypedDict):
    revision: int
    code: str
    message: str


class RolledBack(TypedDict):
    revision: int
    before: int  # the revision that was wanted until then


class TrafficChanged(TypedDict):
    before: str  # "1 = 90 %, 2 = 10 %"
    after: str


class StickinessChanged(TypedDict):
    by: str  # "header x-user", "cookie user" or "chance"


class HostsChanged(TypedDict):
    hosts: list[str]


class Scaled(TypedDict):
    revision: int
    before: int
    after: int
    why: str


class ScalingChanged(TypedDict):
    before: str  # "1 to 10 replicas at 70 %"
    after: str


class KeyRegenerated(TypedDict):
    slot: str


class OfClientKey(TypedDict):
    key: str


class TokenIssued(TypedDict):
    token_id: str
    expiry_on: str  # ISO 8601


class OfKind(TypedDict):
    target_kind: str  # of deployments.targets.kinds


class Checked(TypedDict):
    problems: list[str]


class OfDevice(TypedDict):
    device: str


class DeviceWave(TypedDict):
    revision: int
    target: str
    wave: str  # "25%"


class DeviceRolloutEnded(TypedDict):
    revision: int
    target: str
    why: str


class Collected(TypedDict):
    count: int
    freed_bytes: int


class RolloutStarted(TypedDict):
    revision: int
    before: int  # the revision that it is compared with
    steps: str  # "5 %, 25 %, 100 %"


class RolloutAdvanced(TypedDict):
    revision: int
    percent: float


class RolloutChanged(TypedDict):
    revision: int
    why: str


StateChanged = TypedDict("StateChanged", {"from": str, "to": str, "cause": str | None})


def _deployed(details: Mapping[str, Any]) -> tuple[str, str]:
    return "deployed ", f" as revision {details.get('revision', '?')}{_with_models(details)}"


def _updated(details: Mapping[str, Any]) -> tuple[str, str]:
    return "updated ", f" to revision {details.get('revision', '?')}{_with_models(details)}"


def _reloaded(details: Mapping[str, Any]) -> tuple[str, str]:
    changes = details.get("changes") or ["nothing changed"]
    more = f" and {len(changes) - SHOWN_CHANGES} more" if len(changes) > SHOWN_CHANGES else ""
    return "reloaded ", f" as revision {details.get('revision', '?')}: {', '.join(changes[:SHOWN_CHANGES])}{more}"


def _with_models(details: Mapping[str, Any]) -> str:
    """Scripts may be deployed without a model."""
    models = details.get("models")
    return f" with {', '.join(models)}" if models else ""


def _state_changed(details: Mapping[str, Any]) -> tuple[str, str]:
    cause = details.get("cause")
    why = f": {cause.replace('_', ' ')}" if cause else ""
    return "found ", f" {details.get('to', '?')}{why} (was {details.get('from', '?')})"


def _checked(details: Mapping[str, Any]) -> tuple[str, str]:
    return "checked the target ", f": {' '.join(details.get('problems') or ['no problem'])}"


CONFIG_CREATED = event_type(
    "config.created",
    "Inference config created",
    subject="inference config",
    sentence="created the inference config {subject}",
)
CONFIG_DELETED = event_type(
    "config.deleted",
    "Inference config deleted",
    subject="inference config",
    sentence="deleted the inference config {subject}",
)

SERVICE_DEPLOYED = event_type(
    "service.deployed",
    "Service deployed",
    subject="service",
    sentence=_deployed,
    details=Deployed,
)
SERVICE_UPDATED = event_type(
    "service.updated",
    "Service updated",
    subject="service",
    sentence=_updated,
    details=Deployed,
)
SERVICE_RELOADED = event_type(
    "service.reloaded",
    "Service reloaded",
    subject="service",
    sentence=_reloaded,
    details=Reloaded,
)
SERVICE_ROLLED_BACK = event_type(
    "service.rolled_back",
    "Service rolled back",
    subject="service",
    sentence="rolled {subject} back to revision {revision} (was {before})",
    details=RolledBack,
)
SERVICE_STARTED = event_type("service.started", "Service started", subject="service", sentence="started {subject}")
SERVICE_STOPPED = event_type("service.stopped", "Service stopped", subject="service", sentence="stopped {subject}")
SERVICE_DELETION_REQUESTED = event_type(
    "service.deletion_requested",
    "Deletion requested",
    subject="service",
    sentence="asked for the deletion of {subject}",
)
SERVICE_DELETED = event_type("service.deleted", "Service deleted", subject="service", sentence="deleted {subject}")

BUILD_SUCCEEDED = event_type(
    "service.build_succeeded",
    "Build succeeded",
    subject="service",
    sentence="built {subject}, revision {revision}",
    details=OfRevision,
)
BUILD_FAILED = event_type(
    "service.build_failed",
    "Build failed",
    subject="service",
    sentence="could not build {subject}, revision {revision}: {message}",
    details=BuildEnded,
)
BUILD_CANCELLED = event_type(
    "service.build_cancelled",
    "Build cancelled",
    subject="service",
    sentence="cancelled the build of {subject}, revision {revision}",
    details=BuildEnded,
)

REGISTRY_CREATED = event_type(
    "registry.created", "Registry added", subject="image registry", sentence="added the registry {subject}"
)
REGISTRY_UPDATED = event_type(
    "registry.updated", "Registry changed", subject="image registry", sentence="changed the registry {subject}"
)
REGISTRY_DELETED = event_type(
    "registry.deleted", "Registry removed", subject="image registry", sentence="removed the registry {subject}"
)
PACKAGE_CREATED = event_type(
    "package.created",
    "Package created",
    subject="package",
    sentence="made the {subject} as {form}",
    details=Packed,
)
REVISION_EXPORTED = event_type(
    "service.revision_exported",
    "Revision exported",
    subject="service",
    sentence="exported {subject}, revision {revision}, for devices",
    details=OfRevision,
)
REVISION_ACTIVATED = event_type(
    "service.revision_activated",
    "Revision activated",
    subject="service",
    sentence="moved the requests of {subject} to revision {revision}",
    details=OfRevision,
    azure=f"{AZURE}ModelDeployed",
)
TRAFFIC_CHANGED = event_type(
    "service.traffic_changed",
    "Traffic changed",
    subject="service",
    sentence="changed the traffic of {subject} to {after} (was {before})",
    details=TrafficChanged,
)
STICKINESS_CHANGED = event_type(
    "service.stickiness_changed",
    "Stickiness changed",
    subject="service",
    sentence="had the revision of requests to {subject} decided by {by}",
    details=StickinessChanged,
)
HOSTS_CHANGED = event_type(
    "service.hosts_changed",
    "Host names changed",
    subject="service",
    sentence="changed the host names of {subject} to {hosts}",
    details=HostsChanged,
)
SERVICE_SCALED = event_type(
    "service.scaled",
    "Service scaled",
    subject="service",
    sentence="scaled {subject}, revision {revision}, from {before} to {after} replicas: {why}",
    details=Scaled,
)
SCALING_CHANGED = event_type(
    "service.scaling_changed",
    "Scaling changed",
    subject="service",
    sentence="had {subject} run as {after} (was {before})",
    details=ScalingChanged,
)
STATE_CHANGED = event_type(
    "service.state_changed", "State changed", subject="service", sentence=_state_changed, details=StateChanged
)

ROLLOUT_STARTED = event_type(
    "service.rollout_started",
    "Rollout started",
    subject="service",
    sentence="started a rollout of {subject} from revision {before} to {revision}: {steps}",
    details=RolloutStarted,
)
ROLLOUT_ADVANCED = event_type(
    "service.rollout_advanced",
    "Rollout advanced",
    subject="service",
    sentence="moved the rollout of {subject} to {percent} % for revision {revision}",
    details=RolloutAdvanced,
)
ROLLOUT_HELD = event_type(
    "service.rollout_suspended",
    "Rollout held",
    subject="service",
    sentence="held the rollout of {subject} to revision {revision}: {why}",
    details=RolloutChanged,
)
ROLLOUT_PAUSED = event_type(
    "service.rollout_paused",
    "Rollout paused",
    subject="service",
    sentence="paused the rollout of {subject} to revision {revision}",
    details=OfRevision,
)
ROLLOUT_RESUMED = event_type(
    "service.rollout_resumed",
    "Rollout resumed",
    subject="service",
    sentence="resumed the rollout of {subject} to revision {revision}",
    details=OfRevision,
)
ROLLOUT_COMPLETED = event_type(
    "service.rollout_completed",
    "Rollout completed",
    subject="service",
    sentence="completed the rollout of {subject} to revision {revision}",
    details=OfRevision,
)
ROLLOUT_ROLLED_BACK = event_type(
    "service.rollout_rolled_back",
    "Rollout rolled back",
    subject="service",
    sentence="rolled the rollout of {subject} to revision {revision} back: {why}",
    details=RolloutChanged,
)
ROLLOUT_ABORTED = event_type(
    "service.rollout_aborted",
    "Rollout aborted",
    subject="service",
    sentence="aborted the rollout of {subject} to revision {revision}: {why}",
    details=RolloutChanged,
)

KEY_REGENERATED = event_type(
    "service.key_regenerated",
    "Key regenerated",
    subject="service",
    sentence="regenerated the {slot} key of {subject}",
    details=KeyRegenerated,
)
CLIENT_KEY_CREATED = event_type(
    "service.client_key_created",
    "Client key created",
    subject="service",
    sentence="created the client key {key} of {subject}",
    details=OfClientKey,
)
CLIENT_KEY_CHANGED = event_type(
    "service.client_key_changed",
    "Client key changed",
    subject="service",
    sentence="changed expiry and quota of the client key {key} of {subject}",
    details=OfClientKey,
)
CLIENT_KEY_REGENERATED = event_type(
    "service.client_key_regenerated",
    "Client key regenerated",
    subject="service",
    sentence="regenerated the client key {key} of {subject}",
    details=OfClientKey,
)
CLIENT_KEY_DELETED = event_type(
    "service.client_key_deleted",
    "Client key deleted",
    subject="service",
    sentence="deleted the client key {key} of {subject}",
    details=OfClientKey,
)
TOKEN_ISSUED = event_type(
    "service.token_issued",
    "Access token issued",
    subject="service",
    sentence="issued an access token of {subject}",
    details=TokenIssued,
)
TOKENS_REVOKED = event_type(
    "service.tokens_revoked",
    "Access tokens revoked",
    subject="service",
    sentence="revoked the access tokens of {subject}",
)

TARGET_CREATED = event_type(
    "target.created",
    "Target added",
    subject="target",
    sentence="added the target {subject} ({target_kind})",
    details=OfKind,
)
TARGET_UPDATED = event_type(
    "target.updated",
    "Target settings changed",
    subject="target",
    sentence="changed the settings of the target {subject}",
)
TARGET_DELETED = event_type(
    "target.deleted", "Target removed", subject="target", sentence="removed the target {subject}"
)
TARGET_CHECKED = event_type("target.checked", "Target checked", subject="target", sentence=_checked, details=Checked)

DEVICE_ADDED = event_type(
    "target.device_added",
    "Device added",
    subject="target",
    sentence="added the device {device} to {subject}",
    details=OfDevice,
)
DEVICE_REMOVED = event_type(
    "target.device_removed",
    "Device removed",
    subject="target",
    sentence="removed the device {device} from {subject}",
    details=OfDevice,
)
DEVICE_LABELLED = event_type(
    "target.device_labelled",
    "Device labelled",
    subject="target",
    sentence="changed the labels of the device {device} of {subject}",
    details=OfDevice,
)
DEVICE_KEY_REGENERATED = event_type(
    "target.device_key_regenerated",
    "Device key regenerated",
    subject="target",
    sentence="made a new key for the device {device} of {subject}",
    details=OfDevice,
)
DEVICE_KEY_REVOKED = event_type(
    "target.device_key_revoked",
    "Device key revoked",
    subject="target",
    sentence="revoked the key of the device {device} of {subject}",
    details=OfDevice,
)
DEVICE_WAVE_STARTED = event_type(
    "service.device_wave_started",
    "Wave of devices started",
    subject="service",
    sentence="offered {subject}, revision {revision}, to the devices of {target}: {wave}",
    details=DeviceWave,
)
DEVICE_ROLLOUT_STOPPED = event_type(
    "service.device_rollout_stopped",
    "Roll-out to devices stopped",
    subject="service",
    sentence="stopped the roll-out of {subject}, revision {revision}, to the devices of {target}: {why}",
    details=DeviceRolloutEnded,
)
DEVICE_ROLLOUT_COMPLETED = event_type(
    "service.device_rollout_completed",
    "Roll-out to devices completed",
    subject="service",
    sentence="completed the roll-out of {subject}, revision {revision}, to the devices of {target}: {why}",
    details=DeviceRolloutEnded,
)

COLLECTION_COMPLETED = event_type(
    "collection.completed",
    "Unused files removed",
    subject="collection",
    sentence="removed {count} unused files and folders, {freed_bytes} bytes ({subject})",
    details=Collected,
)
