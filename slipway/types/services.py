"""Services and what runs of them."""

from typing import Any, TypedDict

from slipway.types.causes import Cause
from slipway.types.registry import FileFacts


class Step(TypedDict, total=False):
    name: str
    state: str
    seconds: float | None
    detail: str  # what it waits for; often empty


class Update(TypedDict):
    """An update that is under way (Transitioning) or has Failed, while the revision before it goes on answering."""

    revision: int
    state: str
    error: Cause | None


class Revision(TypedDict):
    number: int
    models: list[str]
    config: str
    state: str
    share: int  # per cent of the requests
    created_by: str | None
    created_at: str
    reason: str
    can_roll_back: bool


class Walls(TypedDict):
    """What stands around a service's code; `user` of the host, None for the studio's."""

    level: str
    user: int | None
    description: str


class Replica(TypedDict):
    """`state`: absent, starting, ready, unreachable, stopping, failed, dead or ending."""

    number: int
    state: str
    restarts: int
    started_at: str | None
    message: str  # why it ended the last time


class Instance(TypedDict):
    """A revision that should run, in how many replicas, and how many are ready. With 0 it sleeps."""

    revision: int
    state: str
    desired_replicas: int
    ready_replicas: int
    replicas: list[Replica]


class Service(TypedDict, total=False):
    """A service; `state` is Transitioning, Healthy, Unhealthy, Unschedulable, Failed or Stopped."""

    name: str
    state: str
    desired: str
    cause: Cause | None
    asleep: bool
    instances: list[Instance]
    scoring_uri: str | None
    front_uri: str | None
    swagger_uri: str | None
    grpc_address: str | None
    front_grpc_address: str | None
    models: list[str]
    config: str | None
    development: bool
    revision: int | None
    observed_revision: int | None
    update: Update | None
    target: str
    walls: Walls | None
    steps: list[Step]
    description: str
    created_by: str | None
    created_at: str
    updated_at: str
    deployment_config: dict[str, Any]
    deployed_revision: int  # that a deployment which was just asked for has made
    warnings: list[str]  # of that deployment


class ServiceSource(TypedDict):
    """The files that a development service runs."""

    revision: int
    entry_script: str
    environment: str | None
    files: list[FileFacts]


class Keys(TypedDict):
    primary: str
    secondary: str


class ClientKey(TypedDict):
    """A key of one client; `hint` is the beginning of its value. Use: today (UTC) and in the last 30 days."""

    name: str
    hint: str
    created_at: str
    expires_at: str | None
    requests_a_day: int | None
    rows_a_day: int | None
    requests_today: int
    requests: int


class NewClientKey(ClientKey):
    """A client key with its value, which nothing shows again."""

    value: str


class AccessToken(TypedDict):
    """For services that take tokens; `refresh_after` and `expiry_on` are ISO 8601."""

    access_token: str
    token_type: str
    refresh_after: str
    expiry_on: str


class Log(TypedDict):
    """A piece of a log; ask again from `offset`."""

    text: str
    offset: int
