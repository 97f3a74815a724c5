"""What a search found, as plain values: `msgspec.to_builtins` writes it, `msgspec.convert` reads it."""

from dataclasses import dataclass
from typing import Literal

from monitoring.profiling.measure import Configuration, Goal, Limits, Measured, Point

Verdict = Literal["met", "not met", "out of time", "no answer"]
LimitedBy = Literal["", "one request", "cores", "replicas", "memory", "errors", "time"]


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """What can be had where the goal cannot: this p99 at the goal's rate, or the goal's p99 up to this rate.

    `rate` is predicted from what was measured; `p99` in milliseconds was measured, or is None.
    """

    configuration: Configuration
    p99: float | None
    rate: float


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What to deploy. `memory_bytes` and `cpu` are of one replica.

    `smallest` is what just held; `measured` is the recommended configuration at the goal's rate, `holds` the highest
    rate that it was seen to hold, `half_fails` whether half of it was seen to miss the goal (None: not tried).
    """

    configuration: Configuration
    smallest: Configuration
    cpu: float
    memory_bytes: int | None
    measured: Measured
    holds: float
    half_fails: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """`why` are sentences with numbers, most important first; `points` all that was measured, in its order."""

    verdict: Verdict
    goal: Goal
    limits: Limits
    recommendation: Recommendation | None
    nearest: Nearest | None
    limited_by: LimitedBy
    why: tuple[str, ...]
    points: tuple[Point, ...]
    tried: int  # configurations
    possible: int
    seconds: float
    noisy: bool  # the machine did other things meanwhile
