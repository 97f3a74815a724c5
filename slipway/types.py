"""Shapes of the studio's answers; keys beyond these may come and are kept."""

from typing import Any, NotRequired, TypedDict


class Cause(TypedDict, total=False):
    """Why something is not as it should be."""

    code: str
    message: str
    hint: str
    evidence: str


class Shadow(TypedDict):
    """What a revision made of copies of requests in the last day. `outputs`: the largest difference by output."""

    compared: int
    disagreed: int
    failed: int
    dropped: int
    outputs: dict[str, float]
    slower_ms: float | None


class Share(TypedDict):
    """What a revision gets of its service's requests, in per cent. `state` is as a service's."""

    revision: int
    label: str
    percent: float
    mirror_percent: float
    is_default: bool
    state: str
    error: Cause | None
    shadow: Shadow | None
    replicas: NotRequired[dict[str, int]]  # wanted, ready, ejected


class Traffic(TypedDict):
    """`sticky` is {"header": name} or {"cookie": name}, or None where chance decides. `generation` rises with every
    change of the service."""

    generation: int
    default: int | None
    sticky: dict[str, str] | None
    hosts: list[str]
    revisions: list[Share]


class ReplicasOfRevision(TypedDict):
    """How many should run; 0: it sleeps."""

    revision: int
    replicas: int


class Scaling(TypedDict):
    """`fixed`: the number does not follow the load. `overridden`: figures are set above those of the revisions.
    `changed_at`, `why`: of the last change that the load has made."""

    fixed: bool
    min_replicas: int
    max_replicas: int
    target_utilization: int
    scaling_seconds: float
    idle_seconds: float
    overridden: bool
    summary: str
    replicas: list[ReplicasOfRevision]
    changed_at: str | None
    why: str


class VerdictArm(TypedDict):
    """A revision: users, those with an outcome that is not 0, and the mean outcome of a user."""

    revision: int
    users: int
    events: int
    mean: float | None


class Verdict(TypedDict):
    """Of the `candidate` beside the `control`. `difference` of their means, plus or minus `half_width`."""

    verdict: str
    name: str
    difference: float | None
    half_width: float | None
    matters: float
    users_needed: int | None
    control: VerdictArm
    candidate: VerdictArm
    expected_share: float
    moved_users: int
    unknown_outcomes: int
    since: str
    days: float
    days_needed: int


class RolloutStep(TypedDict):
    """`expected_seconds`: with the present traffic; None without an end."""

    percent: float
    mirror_percent: float
    bake_seconds: float
    expected_seconds: float | None


class Standing(TypedDict):
    """How a guard sees the new revision: `figure`, with bounds that hold with 95 %, beside its `limit` and that of the
    revision before, in `unit`; None where too little was seen. `verdict`: beyond, good or unknown."""

    name: str
    figure: float | None
    low: float | None
    high: float | None
    limit: float | None
    control: float | None
    unit: str
    requests: int
    verdict: str


class Rollout(TypedDict):
    """`phase`: waiting, warming, judging, extended, held, done, rolled_back or aborted; `step` from 1.

    `why`: what it waits for, or how it ended; `warning`: that the traffic is too little for these steps.
    """

    revision: int
    control: int
    phase: str
    paused: bool
    percent: float
    step: int
    steps: list[RolloutStep]
    baked_seconds: float
    seconds_left: int | None
    requests: int
    guards: list[Standing]
    why: str
    warning: str
    reason: str
    started_by: str | None
    started_at: str
    ended_at: str | None


class FurtherDefinition(TypedDict, total=False):
    """What an environment may have beside a Python version and requirements.

    `variables` are exported in a service. The others decide images: `base_image`, or `dockerfile`, the text of one that
    builds the base; `docker_steps`, instructions on top of it. `base`, "name:number", is an environment whose facts are
    kept where they are not given, and whose private wheels are.
    """

    base: str
    definition: str  # YAML, in place of all others but `base`

    description: str
    variables: dict[str, str]
    base_image: str
    dockerfile: str
    docker_steps: list[str]


class Environment(TypedDict, total=False):
    """`id` is "name:number"; `warnings` name what is not installed as requested."""

    id: str
    name: str
    version: int
    python_version: str
    requirements: list[str]
    description: str
    variables: dict[str, str]  # hidden from viewers
    base_image: str  # empty: the studio's own
    dockerfile: str
    docker_steps: list[str]
    conda: dict[str, list[str]]  # channels and dependencies that need conda's solver
    wheels: list[str]  # file names of private wheels
    warnings: list[str]
    state: str  # ready, being made, last try failed, locked, or not made yet
    lock: str  # exact versions with hashes; empty until it is resolved
    created_by: str | None
    created_at: str


class ImportedConfig(TypedDict):
    """What an inferenceconfig.json says; `warnings` tell its settings that have no effect."""

    entry_script: str
    source_directory: str
    description: str
    environment: str | None  # "name:number"
    environment_variables: dict[str, str]
    warnings: list[str]


class FileFacts(TypedDict):
    path: str
    size: int
    sha256: str
    damaged: NotRequired[bool]  # the studio has lost its bytes, or holds others


class Config(TypedDict, total=False):
    """An inference config; `id` is "name:number". Without code, `environment` is None."""

    id: str
    name: str
    version: int
    kind: str
    description: str
    entry_script: str
    files: list[FileFacts]
    environment: str | None
    environment_variables: dict[str, str]
    created_by: str | None
    created_at: str


class Member(TypedDict):
    """`role` is viewer, contributor or admin."""

    username: str
    role: str


class Invitation(TypedDict):
    """An open invitation; `note` says for whom it is."""

    id: int
    role: str
    note: str
    invited_by: str
    created_at: str
    expires_at: str


class NewInvitation(Invitation):
    """An invitation with its link, which nothing shows again."""

    link: str


class Token(TypedDict):
    """An API token; `hint` is the beginning of its secret, `expires_at` None for one that never expires."""

    id: int
    name: str
    access: str
    hint: str
    user: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class NewToken(Token):
    """A token with its secret, which nothing shows again."""

    token: str


class Event(TypedDict, total=False):
    """An entry of the audit trail: who did what to what, why and when."""

    id: int
    at: str
    actor_name: str
    action: str
    title: str
    sentence: str  # who did what to what, in one line
    subject_type: str
    subject_id: str
    subject_label: str
    reason: str
    details: dict[str, Any]


class Upload(TypedDict):
    """`received` bytes are safe with the studio; a chunk has at most `chunk_bytes`."""

    id: str
    path: str
    size: int
    received: int
    chunk_bytes: int
    complete: bool
    sha256: NotRequired[str | None]  # of a complete one


class Version(TypedDict, total=False):
    """A model version; `id` is "name:number"."""

    id: str
    name: str
    version: int
    state: str
    framework: str
    framework_version: str
    description: str
    tags: dict[str, str]
    properties: dict[str, Any]
    signature: dict[str, Any] | None
    facts: dict[str, Any]  # what the inspection found; `warnings` among them
    rejection: Cause | None
    size: int
    folder: str  # its files were registered as this folder; their paths are below it
    files: list[FileFacts]
    created_by: str | None
    created_at: str
    services: list[str]


class Model(TypedDict):
    name: str
    latest: Version | None
    match: Version | None  # the newest that the filter finds; without a filter the latest
    versions: int
    updated_at: str


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


class EdgeExport(TypedDict):
    """A revision as an archive for devices. `sha256` is of the file, and empty until it is there."""

    id: int
    revision: int
    state: str
    step: str
    progress: float
    error: Cause | None
    filename: str
    size_bytes: int
    sha256: str
    can_be_downloaded: bool


class Registry(TypedDict):
    """A registry of images. The password is never shown."""

    name: str
    address: str
    username: str
    has_password: bool
    push: bool
    changed_at: str


class Package(TypedDict):
    """A version or a revision for machines without a studio. `image` names an image, `sha256` is of a file."""

    id: int
    subject: str
    form: str
    offline: bool
    state: str
    step: str
    progress: float
    error: Cause | None
    image: str
    filename: str
    size_bytes: int
    sha256: str
    can_be_downloaded: bool


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
