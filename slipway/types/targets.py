"""Where services run."""

from typing import Any, NotRequired, TypedDict

from slipway.types.causes import Cause


class Setting(TypedDict):
    """One setting of a kind of target; a secret one is never shown."""

    name: str
    label: str
    type: str
    help: str
    default: Any
    secret: bool


class TargetKind(TypedDict):
    kind: str
    title: str
    settings: list[Setting]


class DeviceService(TypedDict):
    """A service on a device: the revision that is wanted there, and the one that answers."""

    service: str
    desired: int | None
    running: int | None
    state: str
    problem: Cause | None


class Device(TypedDict):
    """A device of an edge target. `problem`: what keeps the whole device from doing what is wanted."""

    name: str
    labels: list[str]
    key_hint: str
    online: bool
    last_seen_at: str | None
    problem: Cause | None
    services: list[DeviceService]


class NewDevice(TypedDict):
    """A device with its agent.json, whose key is shown this once."""

    name: str
    agent: dict[str, str]


class DeviceRollout(TypedDict):
    """How far a service is on the devices of a target. `state`: rolling, stopped or done."""

    service: str
    state: str
    stable: int | None
    next: int | None
    wave: str | None
    waves: list[str]
    reached: int
    healthy: int
    failed: int
    reason: str


class Registry(TypedDict):
    """A registry of images. The password is never shown."""

    name: str
    address: str
    username: str
    has_password: bool
    push: bool
    changed_at: str


class TargetCheck(TypedDict):
    """A connection test; `problems` is empty when services can run there. `facts` tell how services are kept apart."""

    id: int
    state: str
    problems: list[str]
    facts: NotRequired[list[str]]
    error: Cause | None
    created_at: str
    finished_at: str | None


class Target(TypedDict):
    """A place where services run; a secret setting is only {"set": bool}."""

    name: str
    kind: str
    kind_title: str
    settings: dict[str, Any]
    services: int
    last_check: TargetCheck | None
