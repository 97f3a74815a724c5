"""Pure: how long a rollout takes with the traffic there is, and what it still waits for, in words."""

import math

from deployments.rollouts.steps import (
    CONTROL_PERCENT,
    ENDED,
    EXTENDED,
    REQUESTS_NEEDED,
    Plan,
    RolloutState,
    Step,
)


def step_seconds(plan: Plan, rate: float) -> list[float]:
    """Of each step, at `rate` requests per second, until it has probably shown a good revision good; infinite without
    requests. The first one warms up as well."""
    seconds, warming = [], float(plan.warm_requests)
    for step in plan.steps:
        new_rate = rate * _seen_percent(step) / 100
        if not step.bake_seconds:
            seconds.append(0.0)
        elif new_rate <= 0:
            seconds.append(math.inf)
        else:
            seconds.append(warming / new_rate + max(step.bake_seconds, REQUESTS_NEEDED / new_rate))
            warming = 0.0
    return seconds


def _seen_percent(step: Step) -> float:
    """Of the requests, that the new revision answers in a step, copies included."""
    return min(step.percent, 100 - CONTROL_PERCENT) or step.mirror_percent


def seconds_left(plan: Plan, state: RolloutState, rate: float) -> float:
    """Until the present step has probably shown a good revision good; infinite without requests, 0 where nothing is
    waited for."""
    if state.phase in ENDED:
        return 0.0
    step = plan.steps[state.step]
    new_rate = rate * _seen_percent(step) / 100
    if new_rate <= 0:
        return math.inf
    warming = max(plan.warm_requests - state.all_requests, 0) / new_rate if state.phase == "warming" else 0.0
    return warming + max(step.bake_seconds - state.baked, (REQUESTS_NEEDED - state.requests) / new_rate, 0.0)


def warning(plan: Plan, rate: float) -> str:
    """What people should know before they start; empty where the bake times are long enough."""
    for number, (step, seconds) in enumerate(zip(plan.steps, step_seconds(plan, rate), strict=True), start=1):
        if math.isinf(seconds):
            return "Nobody asks this service at the moment. Without requests nothing can be shown, and it waits."
        if seconds > EXTENDED * step.bake_seconds and step.bake_seconds:
            shown = f"{_seen_percent(step):g} % shows something after about {words(seconds)}"
            return (
                f"With {rate:.3g} requests a second, {shown}: "
                f"step {number} would be held after {words(EXTENDED * step.bake_seconds)}. Choose a longer bake or a "
                "larger share."
            )
    return ""


def waiting_for(plan: Plan, state: RolloutState) -> str:
    """What the present step waits for."""
    if state.is_ill:
        return "The old revision has many errors itself: nothing is judged, and the clock stands."
    if state.phase == "warming":
        return f"Warming up: {state.all_requests:,} of {plan.warm_requests:,} requests."
    if state.phase in {"extended", "held"}:
        return (
            f"Not enough data yet: {state.requests:,} of about {max(REQUESTS_NEEDED, state.requests + 1):,} requests."
        )
    if state.phase == "judging":
        return f"{words(state.baked)} of {words(plan.steps[state.step].bake_seconds)}, {state.requests:,} requests."
    return ""


def words(seconds: float) -> str:
    """A duration for people."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
