"""Pure: how many replicas a service should have, from what its front counted.

Azure's rule is ceil(requests per second x seconds per request / target / slots), and measures the product as busy
replicas. Busy replicas cannot be more than there are, so a saturated service would grow by a small factor a decision:
here the requests that arrive, refused ones too, times the time that one takes count as well, and a backlog slowly.
It grows at once, and shrinks once in `down` seconds to the most that was wished for in them. After `idle` seconds
without a request it sleeps, where it may.
"""

import math
from dataclasses import dataclass, replace

SMOOTHING = 0.2  # of the time that a request takes
ROUNDING = 1e-9  # 7 busy at a target of 0.7 is 10 replicas, whatever the last bit of the quotient says


@dataclass(frozen=True)
class Observation:
    """What happened from `at` - `seconds` to `at` (epoch seconds), over all fronts.

    `busy`: mean requests at replicas; `arrivals`: requests that came, refused ones too; `service_seconds`: mean time at
    a replica, None without an answer; `waiting`: requests that wait for a replica at the end.
    """

    at: float
    seconds: float = 1.0
    busy: float = 0.0
    arrivals: float = 0
    service_seconds: float | None = None
    waiting: int = 0


@dataclass(frozen=True)
class Limits:
    """Replicas between `least` (0: it may sleep) and `most`; `target`: utilisation of a replica's `slots` requests.

    Seconds: figures come every `refresh`; demand is the mean of `slow`, or of `fast` where that is above `alarm` of
    what there is; `down` between two reductions; a backlog should be gone after `drain`; after `idle` without a request
    it may sleep; figures that are older than `stale` say nothing.
    """

    least: int = 1
    most: int = 10
    target: float = 0.70
    slots: int = 1
    refresh: float = 1.0
    fast: float = 3.0
    slow: float = 10.0
    down: float = 60.0
    alarm: float = 0.85
    drain: float = 5.0
    idle: float = 300.0
    stale: float = 5.0


@dataclass(frozen=True)
class ScalingState:
    """What is kept from one decision to the next.

    `figures` of the last `Limits.slow` seconds, oldest first; `wishes` (time, replicas) since the last reduction, of
    the last `Limits.down` seconds and a little more; `busy_at`: when somebody last asked, None: never;
    `service_seconds`, smoothed.
    """

    wanted: int
    figures: tuple[Observation, ...] = ()
    wishes: tuple[tuple[float, int], ...] = ()
    busy_at: float | None = None
    service_seconds: float | None = None


def replicas(
    now: float, state: ScalingState, observation: Observation | None, limits: Limits
) -> tuple[ScalingState, str]:
    """The next state, whose `wanted` replicas are between the limits, and why, for people.

    `observation`: None where no front has reported; one that was taken already, or is older, counts as none. Without
    figures that are fresh nothing changes: nobody counting is not nobody asking.
    """
    state = _taken_in(now, state, observation, limits)
    if not state.figures or now - state.figures[-1].at > limits.stale:
        within = _within(state.wanted, limits)
        return replace(state, wanted=within), _bound(state.wanted, within) or "no fresh figures: it stays"
    wish, why = _wish(now, state, limits)
    kept = now - limits.down - max(limits.stale, 2 * limits.refresh)  # one that is older than `down` is among them
    wishes = (*(one for one in state.wishes if one[0] >= kept), (now, wish))
    if wish > state.wanted:
        return replace(state, wanted=wish, wishes=wishes), why
    if not wish and state.wanted:
        return replace(state, wanted=0, wishes=()), f"nobody asked for {limits.idle:g} s"
    highest = max(wish for _, wish in wishes)
    if highest < state.wanted and now - wishes[0][0] >= limits.down:
        return replace(state, wanted=highest, wishes=()), f"no more were needed for {limits.down:g} s"
    if state.wanted > limits.most:
        return replace(state, wanted=limits.most, wishes=wishes), f"at most {limits.most}"
    return replace(state, wishes=wishes), why


def _taken_in(now: float, state: ScalingState, observation: Observation | None, limits: Limits) -> ScalingState:
    """With the observation, unless it is known; figures from a clock that was set back since are forgotten."""
    figures = tuple(one for one in state.figures if one.at <= now + limits.stale)
    if observation is None or (figures and observation.at <= figures[-1].at):
        return replace(state, figures=figures)
    oldest = observation.at - limits.slow
    asked = observation.arrivals or observation.waiting or observation.busy
    return replace(
        state,
        figures=(*(one for one in figures if one.at > oldest), observation),
        busy_at=observation.at if asked else state.busy_at,
        service_seconds=_smoothed(state.service_seconds, observation.service_seconds),
    )


def _smoothed(before: float | None, measured: float | None) -> float | None:
    if before is None or measured is None:
        return measured if before is None else before
    return before + SMOOTHING * (measured - before)


def _wish(now: float, state: ScalingState, limits: Limits) -> tuple[int, str]:
    """Replicas that the demand asks for, and in which words."""
    demand, fast = _demand(state, limits.slow, limits), _demand(state, limits.fast, limits)
    if fast > limits.alarm * max(state.wanted, 1) * limits.slots:
        demand = max(demand, fast)
    wish = math.ceil(demand / (limits.slots * limits.target) - ROUNDING)
    why = f"{demand:.1f} requests at once, {limits.target:.0%} of {limits.slots} in each replica"
    waits = state.figures[-1].waiting > 0
    if not wish and (waits or (state.busy_at is not None and now - state.busy_at < limits.idle)):
        wish, why = 1, "a request waits" if waits else f"asked in the last {limits.idle:g} s"
    within = _within(wish, limits)
    bound = _bound(wish, within)
    return within, f"{why}; {bound}" if bound else why


def _demand(state: ScalingState, seconds: float, limits: Limits) -> float:
    """Requests at once, over the last `seconds` before the newest figure: measured from now, lost figures would read
    as no demand."""
    newest = state.figures[-1]
    figures = [one for one in state.figures if one.at > newest.at - seconds]
    counted = sum(one.seconds for one in figures)
    busy = sum(one.busy * one.seconds for one in figures) / counted
    takes = state.service_seconds or 0.0
    offered = sum(one.arrivals for one in figures) / counted * takes
    return max(busy, offered) + newest.waiting * takes / limits.drain


def _bound(wish: int, within: int) -> str:
    """Which limit has changed the number, if one has."""
    return "" if within == wish else f"at {'least' if within > wish else 'most'} {within}"


def _within(wanted: int, limits: Limits) -> int:
    return min(max(wanted, limits.least), limits.most)
