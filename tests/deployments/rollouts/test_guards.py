"""Guards fire for what is beyond their limits, and for nothing else."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy
import pytest

from deployments.rollouts.cells import Arm, Cell
from deployments.rollouts.guards import Guard, GuardState, finding, has_fired, is_shown_good, learn, observe
from deployments.rollouts.steps import Plan, Step, begin, next_state
from scoring.contract import bucket_of

Window = tuple[int, int, int, int]
GUARDS = (Guard(kind="errors"), Guard(kind="client_errors"), Guard(kind="agreement"))


def _fires_at(windows: Sequence[Window]) -> int | None:
    """After how many windows the error guard, one of three, has rolled back."""
    plan = Plan((Step(50, 1_000_000),), GUARDS)
    state = begin(plan, [], 0)
    for number, (bad, requests, control_bad, control_requests) in enumerate(windows, start=1):
        cell = Cell(number, Arm(requests, bad), Arm(control_requests, control_bad))
        state = next_state(plan, state, [cell])
        if state.phase == "rolled_back":
            return number
    return None


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([(1, 25, 2, 475)] * 60, 9),
        ([(0, 25, 2, 475)] * 60, None),
        ([(25, 25, 2, 475)] + [(0, 25, 2, 475)] * 60, None),
        ([(25, 25, 2, 475)] * 2, 2),
        ([(5, 250, 12, 4750)] * 60, 4),
        ([(1, 250, 12, 4750), (2, 250, 12, 4750)] * 30, None),
        ([(0, 25, 2, 475)] * 10 + [(8, 25, 150, 475)] * 10, None),
        ([(3, 3, 0, 47)] * 60, 3),
    ],
    ids=["4 %", "no errors", "one burst", "two bursts", "2 %", "0.6 %", "both ill", "all fail"],
)
def test_error_guard_fires_after(windows: Sequence[Window], expected: int | None) -> None:
    assert _fires_at(windows) == expected


def _times(milliseconds: float, requests: int) -> dict[int, int]:
    """Half of them take this long, the rest from half to 1.5 times."""
    histogram: dict[int, int] = {}
    for number in range(requests):
        bucket = bucket_of(int(1000 * milliseconds * (0.5 + number / requests)))
        histogram[bucket] = histogram.get(bucket, 0) + 1
    return histogram


def _time_guard_after(candidate_ms: Sequence[float], control_ms: Sequence[float]) -> tuple[Guard, GuardState]:
    guard, state = Guard(kind="time"), GuardState()
    for number in range(60):
        state = learn(guard, state, Cell(number, Arm(), Arm(500, 0, 0, {"infer": _times(20, 500)})))
    for number, (new, old) in enumerate(zip(candidate_ms, control_ms, strict=True)):
        cell = Cell(
            60 + number,
            Arm(100, 0, 0, {"infer": _times(new, 100)}),
            Arm(500, 0, 0, {"infer": _times(old, 500)}),
        )
        state = observe(guard, state, cell)
    return guard, state


@pytest.mark.parametrize(
    ("candidate_ms", "control_ms", "fired", "good"),
    [
        ([20] * 12, [20] * 12, False, True),
        ([40] * 12, [20] * 12, True, False),
        ([200] * 12, [200] * 12, False, False),
        ([20] * 11 + [200], [20] * 12, False, False),
        ([25] * 12, [20] * 12, False, True),
    ],
    ids=["equal", "twice as slow", "both ten times slower", "one slow cell", "at the limit"],
)
def test_time_guard(candidate_ms: list[float], control_ms: list[float], fired: bool, good: bool) -> None:
    guard, state = _time_guard_after(candidate_ms, control_ms)

    assert (has_fired(guard, state, 2), is_shown_good(guard, state)) == (fired, good)


def test_two_milliseconds_more_of_a_very_fast_model_do_not_matter() -> None:
    guard, state = Guard(kind="time"), GuardState()
    for number in range(60):
        state = learn(guard, state, Cell(number, Arm(), Arm(500, 0, 0, {"infer": _times(0.2, 500)})))
    for number in range(12):
        arms = (Arm(100, 0, 0, {"infer": _times(ms, 100)}) for ms in (1.2, 0.2))
        state = observe(guard, state, Cell(60 + number, *arms))

    assert not has_fired(guard, state, 1)


@pytest.mark.parametrize(("disagreed", "fired", "good"), [(0, False, True), (1, False, False), (6, True, False)])
def test_agreement_guard(disagreed: int, fired: bool, good: bool) -> None:
    guard, state = Guard(kind="agreement", difference=0.01), GuardState()
    for number in range(12):
        state = observe(guard, state, Cell(number, compared=40, disagreed=disagreed))

    assert (has_fired(guard, state, 1), is_shown_good(guard, state)) == (fired, good)


@pytest.mark.parametrize(
    ("better", "events", "control_events", "fired", "good"),
    [
        ("lower", 2, 20, False, True),
        ("lower", 12, 20, True, False),
        ("higher", 50, 500, False, True),
        ("higher", 20, 500, True, False),
        ("higher", 80, 500, False, True),
    ],
    ids=["as rare", "more often", "as often", "less often", "more often and better"],
)
def test_guard_of_an_event_that_the_script_notes(
    better: Literal["lower", "higher"], events: int, control_events: int, fired: bool, good: bool
) -> None:
    guard, state = Guard(kind="event", event="noted", better=better, difference=0.05), GuardState()
    if better == "lower":
        guard = msgspec.structs.replace(guard, difference=0.002)
    for number in range(40):
        arms = Arm(reached=100, events={"noted": events}), Arm(reached=1000, events={"noted": control_events})
        state = observe(guard, state, Cell(number, *arms))

    assert (has_fired(guard, state, 2), is_shown_good(guard, state)) == (fired, good)


def test_event_that_nobody_notes_speaks_for_nothing() -> None:
    guard = Guard(kind="event", event="noted")
    state = observe(guard, GuardState(), Cell(1, Arm(requests=100), Arm(requests=1000)))

    assert (has_fired(guard, state, 1), is_shown_good(guard, state)) == (False, False)
    assert (guard.name, Guard(kind="event", event="bought", better="higher").name) == ("noted", "without bought")


def test_finding_names_figure_limit_and_requests() -> None:
    guard = Guard(kind="errors")
    state = observe(guard, GuardState(), Cell(1, Arm(1250, 64), Arm(10_000, 50)))

    assert str(finding(guard, state)) == "errors: 5.12 % in 1,250 requests, limit 0.7 %"
    guard, state = _time_guard_after([40] * 12, [20] * 12)
    assert str(finding(guard, state)) == "p95 in the model: 59.4 ms in 1,200 requests, limit 38.9 ms"


def test_errors_of_both_that_rise_with_the_share_are_not_held_against_the_new_revision() -> None:
    """From 0.2 to 2 % while the share rises to 50 %: pooled over the rollout, equal revisions have 1.4 and 0.9 %."""
    rng = numpy.random.default_rng(1)
    windows = []
    for step in range(1, 11):
        for _ in range(30):
            new, rate = 50 * step, 0.002 * step
            old = 1000 - new
            windows.append((int(rng.binomial(new, rate)), new, int(rng.binomial(old, rate)), old))

    assert _fires_at(windows) is None


def test_guard_state_survives_json() -> None:
    _, state = _time_guard_after([40] * 12, [20] * 12)

    assert msgspec.json.decode(msgspec.json.encode(state), type=GuardState) == state
