"""Who answers a service, how many, and how that changes."""

from typing import NotRequired, TypedDict

from slipway.types.causes import Cause


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
