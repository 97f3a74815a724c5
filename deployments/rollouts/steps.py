"""Pure: the life of a rollout, from cell to cell.

warming -> judging -> (extended ->) next step ... -> done, or rolled_back as soon as a guard fires. A step ends with its
bake time when all guards have shown the revision good; else it goes on for up to EXTENDED times that, and is then held
until somebody decides: nothing seen is not good.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from deployments.rollouts import guards
from deployments.rollouts.cells import CELL_SECONDS, Cell
from deployments.rollouts.guards import DEFAULT_GUARDS, Finding, Guard, GuardState

EXTENDED = 3
CONTROL_PERCENT = 5.0  # that the old revision keeps while anything is judged: without it there is no comparison
REQUESTS_NEEDED = 1000  # of the new revision in a step, about, to show that it is good

Phase = Literal["warming", "judging", "extended", "held", "done", "rolled_back"]
ENDED: tuple[Phase, ...] = ("done", "rolled_back")


class Step(msgspec.Struct, frozen=True):
    """`percent` of the requests, and copies of `mirror_percent` of the others, for at least `bake_seconds`. With copies
    alone, which no caller sees, it is a shadow step."""

    percent: float
    bake_seconds: float
    mirror_percent: float = 0.0


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """`warm_requests`: the first requests of the new revision, whose times and answers do not count: caches are cold.
    A bake begins after them; errors count from the first."""

    steps: tuple[Step, ...]
    guards: tuple[Guard, ...] = DEFAULT_GUARDS
    warm_requests: int = 200


class RolloutState(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`cell`: the last one judged. `step`: index in the plan, with its `baked` seconds and `requests` of the new
    revision; `all_requests` in all. `control_failed` of `control_requests` while the old revision was well, and
    `is_ill`: it is not, so that nothing is judged. `finding`: what made it roll back."""

    cell: int = 0
    phase: Phase = "warming"
    step: int = 0
    baked: float = 0.0
    requests: int = 0
    all_requests: int = 0
    control_failed: int = 0
    control_requests: int = 0
    is_ill: bool = False
    guards: tuple[GuardState, ...] = ()
    finding: Finding | None = None


def begin(plan: Plan, past: Iterable[Cell], cell: int) -> RolloutState:
    """The first step that is watched at all. `past`: the minutes before, in which the old revision shows how long it
    takes and how often it fails."""
    states, failed, requests = tuple(GuardState() for _ in plan.guards), 0, 0
    for one in past:
        states = tuple(guards.learn(guard, state, one) for guard, state in zip(plan.guards, states, strict=True))
        failed, requests = failed + one.control.failed, requests + one.control.requests
    return RolloutState(
        cell=cell,
        step=next((number for number, step in enumerate(plan.steps) if step.bake_seconds), len(plan.steps) - 1),
        guards=states,
        control_failed=failed,
        control_requests=requests,
        phase="judging" if not plan.warm_requests else "warming",
    )


def next_state(plan: Plan, state: RolloutState, cells: Iterable[Cell], *, clock_stands: bool = False) -> RolloutState:
    """After `cells`, which are closed, in order; those judged before are left out.

    `clock_stands`: somebody has paused the rollout. Guards watch on, and nothing advances.
    """
    for cell in cells:
        if cell.number > state.cell and state.phase not in ENDED:
            state = _after(plan, state, cell, clock_stands)
    return state


def advanced(plan: Plan, state: RolloutState) -> RolloutState:
    """The next step, whether or not the present one has shown anything."""
    if state.step + 1 == len(plan.steps):
        return msgspec.structs.replace(state, phase="done")
    after = _started_again(plan, state, state.step + 1)
    return after if plan.steps[after.step].bake_seconds else advanced(plan, after)


def resumed(plan: Plan, state: RolloutState) -> RolloutState:
    """A held step gets its time once more."""
    return _started_again(plan, state, state.step) if state.phase == "held" else state


def longest_seconds(plan: Plan) -> float:
    """Of a rollout that is never paused or held."""
    return sum(EXTENDED * step.bake_seconds for step in plan.steps)


def percent_of(plan: Plan, state: RolloutState) -> float:
    """What the new revision should get of the traffic now."""
    if state.phase in ENDED:
        return 100.0 if state.phase == "done" else 0.0
    return min(plan.steps[state.step].percent, 100 - CONTROL_PERCENT)


def mirror_percent_of(plan: Plan, state: RolloutState) -> float:
    """Of how much of the old revision's traffic the new one should get copies now."""
    return 0.0 if state.phase in ENDED else plan.steps[state.step].mirror_percent


def findings(plan: Plan, state: RolloutState) -> list[Finding]:
    """How things stand, by guard."""
    return [guards.finding(guard, one) for guard, one in zip(plan.guards, state.guards, strict=True)]


def _after(plan: Plan, state: RolloutState, cell: Cell, clock_stands: bool) -> RolloutState:
    state = msgspec.structs.replace(state, cell=cell.number)
    if _is_ill(state, cell):
        return msgspec.structs.replace(state, is_ill=True)
    state = _observed(plan, state, cell)
    for guard, one in zip(plan.guards, state.guards, strict=True):
        if guards.has_fired(guard, one, len(plan.guards)):
            return msgspec.structs.replace(state, phase="rolled_back", finding=guards.finding(guard, one))
    if clock_stands or state.phase == "held" or not (cell.candidate.requests or cell.control.requests):
        return state
    return _clocked(plan, state)


def _is_ill(state: RolloutState, cell: Cell) -> bool:
    """An old revision that fails five times as much as before says nothing about the new one."""
    usual = (state.control_failed + 1) / (state.control_requests + 200)
    failed, requests = cell.control.failed, cell.control.requests
    return failed >= 5 and failed / requests > 5 * usual


def _observed(plan: Plan, state: RolloutState, cell: Cell) -> RolloutState:
    is_warm = state.all_requests >= plan.warm_requests
    states = []
    for guard, one in zip(plan.guards, state.guards, strict=True):
        needs_warmth = guard.kind in {"time", "agreement"}
        states.append((guards.observe if is_warm or not needs_warmth else guards.learn)(guard, one, cell))
    return msgspec.structs.replace(
        state,
        guards=tuple(states),
        is_ill=False,
        requests=state.requests + cell.candidate.requests,
        all_requests=state.all_requests + cell.candidate.requests,
        control_failed=state.control_failed + cell.control.failed,
        control_requests=state.control_requests + cell.control.requests,
    )


def _clocked(plan: Plan, state: RolloutState) -> RolloutState:
    if state.phase == "warming":
        is_warm = state.all_requests >= plan.warm_requests
        return msgspec.structs.replace(state, phase="judging") if is_warm else state
    bake = plan.steps[state.step].bake_seconds
    state = msgspec.structs.replace(state, baked=state.baked + CELL_SECONDS)
    if state.baked < bake:
        return state
    has_copies = plan.steps[state.step].mirror_percent > 0
    asked = [pair for pair in zip(plan.guards, state.guards, strict=True) if has_copies or not pair[0].needs_copies]
    if all(guards.is_shown_good(guard, one) for guard, one in asked):
        return advanced(plan, state)
    return msgspec.structs.replace(state, phase="held" if state.baked >= EXTENDED * bake else "extended")


def _started_again(plan: Plan, state: RolloutState, step: int) -> RolloutState:
    is_warm = state.all_requests >= plan.warm_requests
    return msgspec.structs.replace(
        state,
        step=step,
        phase="judging" if is_warm else "warming",
        baked=0.0,
        requests=0,
        guards=tuple(map(guards.next_step, state.guards)),
    )
