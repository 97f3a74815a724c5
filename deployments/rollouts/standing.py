"""Pure: how each guard of a rollout stands, for people: its figure with bounds, its limit, and what is known by now."""

from typing import Literal

import msgspec

from deployments.rollouts import intervals
from deployments.rollouts.guards import Guard, GuardState, finding, has_fired, is_shown_good
from deployments.rollouts.steps import Plan, RolloutState
from deployments.rollouts.times import quantile_bucket

Verdict = Literal["beyond", "good", "unknown"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A guard's `figure` of the new revision with bounds that hold with 95 %, beside its `limit` and the figure of the
    `control`, all in `unit`; None where too little was seen. `requests` of the new revision. `verdict`: beyond the
    limit; shown good in this step; or not enough data yet."""

    name: str
    figure: float | None
    low: float | None
    high: float | None
    limit: float | None
    control: float | None
    unit: str
    requests: int
    verdict: Verdict


def standings(plan: Plan, state: RolloutState) -> list[Standing]:
    """By guard."""
    pairs = zip(plan.guards, state.guards, strict=True)
    return [_standing(guard, one, len(plan.guards)) for guard, one in pairs]


def _standing(guard: Guard, state: GuardState, guards: int) -> Standing:
    found = finding(guard, state)
    low, high = _bounds(guard, state)
    if guard.kind == "time":
        knows_new, knows_old = (
            bool(quantile_bucket(past, guard.quantile)) for past in (state.candidate, state.control)
        )
    else:
        knows_new = knows_old = bool(found.requests)
    verdict: Verdict = "unknown"
    if has_fired(guard, state, guards):
        verdict = "beyond"
    elif is_shown_good(guard, state):
        verdict = "good"
    return Standing(
        name=found.name,
        figure=found.figure if knows_new else None,
        low=low if knows_new else None,
        high=high if knows_new else None,
        limit=found.limit if knows_old else None,
        control=found.control if knows_old else None,
        unit=found.unit,
        requests=found.requests,
        verdict=verdict,
    )


def _bounds(guard: Guard, state: GuardState) -> tuple[float | None, float | None]:
    if guard.kind == "time":
        return intervals.quantile(state.candidate, guard.quantile)
    low, high = intervals.rate(state.seen.bad, state.seen.total)
    return 100 * low, 100 * high
