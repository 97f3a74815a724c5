"""What was measured of versions and revisions."""

from typing import Any, TypedDict

from slipway.types.causes import Cause


class Profile(TypedDict):
    """How much load something holds. `goal`: p99 in ms, rate in requests a second; `result` has verdict, why, and the
    recommended `options` of a deployment, and is there once the profile has succeeded."""

    id: int
    name: str
    subject: str
    description: str
    target: str
    state: str
    step: str
    progress: float
    ahead: int
    goal: dict[str, float]
    limits: dict[str, Any]
    requests: str
    cold_start_seconds: float | None
    result: dict[str, Any] | None
    error: Cause | None
    created_at: str
    started_at: str | None
    finished_at: str | None
