"""A rollout advances when the new revision is shown good, goes back when it is bad, and asks when nothing is known."""

from collections import Counter

import msgspec
import pytest

from deployments.rollouts.cells import Arm, Cell
from deployments.rollouts.guards import Guard
from deployments.rollouts.steps import (
    Plan,
    RolloutState,
    Step,
    advanced,
    begin,
    findings,
    mirror_percent_of,
    next_state,
    percent_of,
    resumed,
)
from tests.deployments.rollouts.simulated_traffic import World, roll_out, states, steps

ERRORS = (Guard(kind="errors"),)
PLAN = Plan(steps(60, 5, 25, 100), ERRORS)
NO_WARMING = Plan(PLAN.steps, ERRORS, warm_requests=0)
NEW, OLD, FEW = Arm(500, 2), Arm(2000, 10), Arm(1)


def _after(plan: Plan, count: int, new: Arm = NEW, old: Arm = OLD, state: RolloutState | None = None) -> RolloutState:
    state = state or begin(plan, [], 0)
    return next_state(plan, state, [Cell(state.cell + number, new, old) for number in range(1, count + 1)])


def _paused(state: RolloutState, cells: list[Cell]) -> RolloutState:
    return next_state(PLAN, state, cells, clock_stands=True)


def test_good_revision_passes_each_step_after_its_bake() -> None:
    at = [_after(PLAN, count) for count in range(40)]

    assert [(at[count].phase, percent_of(PLAN, at[count])) for count in (0, 1, 12, 13, 24, 25, 36, 37)] == [
        ("warming", 5),
        ("judging", 5),
        ("judging", 5),
        ("judging", 25),
        ("judging", 25),
        ("judging", 95),
        ("judging", 95),
        ("done", 100),
    ]


def test_step_without_a_bake_is_not_waited_for() -> None:
    plan = Plan((Step(25, 60), Step(100, 0)), ERRORS)

    assert [percent_of(plan, _after(plan, count)) for count in (12, 13)] == [25, 100]


def test_bad_revision_goes_back_at_once_and_says_why() -> None:
    after = _after(PLAN, 3, Arm(500, 25))

    assert (after.phase, percent_of(PLAN, after)) == ("rolled_back", 0)
    assert str(after.finding) == "errors: 5 % in 1,000 requests, limit 0.7 %"


def test_step_that_shows_nothing_is_extended_and_then_held_with_its_share() -> None:
    few = {count: _after(PLAN, count, FEW, state=begin(NO_WARMING, [], 0)) for count in (11, 12, 35, 36, 400)}

    assert [state.phase for state in few.values()] == ["judging", "extended", "extended", "held", "held"]
    assert percent_of(PLAN, few[400]) == 5
    assert _after(PLAN, 4, Arm(500, 50), state=few[36]).phase == "rolled_back"


def test_held_step_goes_on_as_people_decide() -> None:
    held = _after(PLAN, 40, FEW, state=begin(NO_WARMING, [], 0))

    again = resumed(NO_WARMING, held)

    assert percent_of(PLAN, advanced(PLAN, held)) == 25
    assert (again.phase, again.baked, again.step) == ("judging", 0, 0)
    assert percent_of(PLAN, _after(PLAN, 12, state=again)) == 25


def test_last_step_can_be_advanced_to_the_end() -> None:
    state = begin(PLAN, [], 0)
    for _ in PLAN.steps:
        state = advanced(PLAN, state)

    assert (state.phase, percent_of(PLAN, state)) == ("done", 100)


@pytest.mark.parametrize(
    ("new", "old"), [(Arm(), Arm()), (Arm(500, 150), Arm(2000, 600))], ids=["no requests", "the old one is ill"]
)
def test_clock_stands_while_nothing_can_be_judged(new: Arm, old: Arm) -> None:
    before = _after(PLAN, 6)
    after = _after(PLAN, 100, new, old, before)

    assert (after.phase, after.baked, after.step) == (before.phase, before.baked, 0)


def test_old_revision_that_has_always_failed_as_often_is_judged() -> None:
    failing = Arm(2000, 100)
    state = begin(PLAN, [Cell(number, Arm(), failing) for number in range(-60, 0)], 0)

    after = next_state(PLAN, state, [Cell(number, Arm(500, 25), failing) for number in range(1, 4)])

    assert not after.is_ill
    assert after.requests == 1500


def test_first_steps_without_a_bake_are_passed_at_once() -> None:
    plan = Plan((Step(5, 0), Step(25, 60), Step(100, 60)))

    assert begin(plan, [], 0).step == 1
    assert percent_of(plan, begin(plan, [], 0)) == 25


def test_paused_rollout_does_not_advance_but_goes_back() -> None:
    state = _after(PLAN, 6)
    cells = [Cell(6 + number, NEW, OLD) for number in range(1, 21)]
    bad = [Cell(26 + number, Arm(500, 100), OLD) for number in range(1, 12)]

    paused = _paused(state, cells)

    assert (paused.step, paused.baked) == (0, state.baked)
    assert _paused(paused, bad).phase == "rolled_back"


def test_cells_judged_before_count_once() -> None:
    state = _after(PLAN, 6)

    assert next_state(PLAN, state, [Cell(number, NEW, OLD) for number in range(1, 7)]) == state


def test_it_goes_on_after_a_restart_in_the_middle_of_a_step_as_if_there_were_none() -> None:
    plan = Plan(steps(60, 5, 25))
    middle = list(states(World(100, outages=True), plan, seed=5))[15]

    assert middle.requests
    assert msgspec.json.decode(msgspec.json.encode(middle), type=RolloutState) == middle


def test_how_things_stand_is_told_by_guard() -> None:
    plan = Plan(steps(60, 5))
    last = list(states(World(200), plan, seed=1))[8]

    assert [one.name for one in findings(plan, last)] == ["errors", "p95 in the model"]
    assert all(one.figure < one.limit for one in findings(plan, last))


COPIES = Plan(
    (Step(0, 60, mirror_percent=20), Step(25, 60), Step(100, 60)), (*ERRORS, Guard(kind="agreement", difference=0.01))
)


def _copied(state: RolloutState, count: int, disagreed: int = 0) -> RolloutState:
    cells = [Cell(state.cell + number, NEW, OLD, 40, disagreed) for number in range(1, count + 1)]
    return next_state(COPIES, state, cells)


def test_shadow_step_gives_copies_and_no_requests_until_answers_agree() -> None:
    start = begin(COPIES, [], 0)
    assert (percent_of(COPIES, start), mirror_percent_of(COPIES, start)) == (0, 20)

    after = _copied(start, 14)

    assert (after.step, percent_of(COPIES, after), mirror_percent_of(COPIES, after)) == (1, 25, 0)


def test_shadow_step_without_comparisons_is_extended_and_later_steps_need_none() -> None:
    nothing = _after(COPIES, 14)
    assert (nothing.step, nothing.phase) == (0, "extended")

    later = _after(COPIES, 12, state=_copied(begin(COPIES, [], 0), 14))
    assert later.step == 2


def test_revision_whose_answers_differ_goes_back_before_anybody_got_one() -> None:
    after = _copied(begin(COPIES, [], 0), 14, disagreed=4)

    assert (after.phase, mirror_percent_of(COPIES, after)) == ("rolled_back", 0)
    assert str(after.finding).startswith("disagreement: 10 % in ")


# Simulated rollouts

FOUR_STEPS = Plan(steps(60, 5, 25, 50, 100))


@pytest.mark.parametrize(
    "world",
    [World(100, outages=True, cold=True), World(100, bursts=True, cold=True), World(30, outages=True, cold=True)],
    ids=["outages", "bursts", "few requests"],
)
def test_equal_revisions_are_hardly_ever_rolled_back(world: World) -> None:
    phases = Counter(roll_out(world, FOUR_STEPS, seed).phase for seed in range(40))

    assert phases["rolled_back"] == 0


@pytest.mark.parametrize(
    ("world", "guard"),
    [(World(200, more_errors=0.045), "errors: "), (World(200, slower=2), "p95 in the model: ")],
    ids=["5 % errors", "twice as slow"],
)
def test_bad_revision_is_rolled_back_within_its_bake_by_the_guard_that_saw_it(world: World, guard: str) -> None:
    ended = [roll_out(world, Plan(steps(60, 25, 100)), seed) for seed in range(20)]

    assert {(one.phase, one.step) for one in ended} == {("rolled_back", 0)}
    assert max(one.seconds for one in ended) <= 60
    assert all(one.finding.startswith(guard) for one in ended)


def test_few_requests_conclude_nothing() -> None:
    ended = [roll_out(World(10), Plan(steps(60, 5, 25, 100)), seed) for seed in range(20)]

    assert {(one.phase, one.step) for one in ended} == {("held", 0)}
