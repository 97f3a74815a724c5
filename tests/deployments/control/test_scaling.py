"""Replicas follow the load: the decision by itself, what always holds of it, and simulated services under it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.control.scale import FAST_SECONDS
from deployments.control.scaling import Limits, Observation, ScalingState, replicas
from tests.deployments.control.simulated_service import LOADS, simulate

LIMITS = Limits(most=40)
KNOWN = ScalingState(wanted=3, service_seconds=0.2)
START = 1_000_000.0


def _each_second(
    state: ScalingState, seconds: int, limits: Limits = LIMITS, start: float = START, **figures: float
) -> ScalingState:
    """The state after `seconds` seconds that look the same; the last one ends at `start` + `seconds`."""
    for second in range(1, seconds + 1):
        observation = Observation(at=start + second, service_seconds=state.service_seconds, **figures)  # type: ignore[arg-type]
        state, _ = replicas(start + second, state, observation, limits)
    return state


STEADY = _each_second(KNOWN, 60, busy=2, arrivals=10)


def test_load_that_fits_changes_nothing() -> None:
    assert STEADY.wanted == 3


def test_arrivals_beyond_what_replicas_can_show_as_busy_count_in_full() -> None:
    after = _each_second(STEADY, 3, start=START + 60, busy=3, arrivals=40, waiting=15)

    assert after.wanted == 13


def test_first_figures_are_enough_to_grow() -> None:
    assert _each_second(KNOWN, 3, busy=3, arrivals=40).wanted == 12


def test_one_busy_second_adds_one() -> None:
    assert _each_second(STEADY, 1, start=START + 60, busy=2.6, arrivals=20).wanted == 4


def test_it_shrinks_only_after_a_minute_of_less_load() -> None:
    state = replace(KNOWN, wanted=6)

    assert _each_second(state, 30, busy=2).wanted == 6
    assert _each_second(state, 61, busy=2).wanted == 3


def test_it_shrinks_by_figures_that_come_seldom() -> None:
    state = replace(KNOWN, wanted=6)
    for figure in range(1, 15):
        now = START + 5.3 * figure
        state, _ = replicas(now, state, Observation(at=now, seconds=5.3), LIMITS)

    assert state.wanted == 1


def test_without_fresh_figures_it_stays() -> None:
    state = _each_second(replace(KNOWN, wanted=6), 30, busy=2)

    for now in range(36, 600):
        state, why = replicas(START + now, state, None, LIMITS)
        assert (state.wanted, why) == (6, "no fresh figures: it stays")


def test_sleeping_service_wakes_for_one_waiting_request() -> None:
    asleep = ScalingState(wanted=0)

    assert _each_second(asleep, 1, replace(LIMITS, least=0), waiting=4).wanted == 1


def test_backlog_of_a_sleeping_service_does_not_wake_it_to_its_maximum() -> None:
    asleep = ScalingState(wanted=0, service_seconds=0.2)

    assert _each_second(asleep, 3, replace(LIMITS, least=0), arrivals=10, waiting=30).wanted == 5


def test_it_sleeps_after_the_idle_time() -> None:
    may_sleep = replace(LIMITS, least=0)
    asked = _each_second(ScalingState(wanted=1, service_seconds=0.2), 1, may_sleep, arrivals=1)

    assert _each_second(asked, 299, may_sleep, start=START + 1).wanted == 1
    assert _each_second(asked, 300, may_sleep, start=START + 1).wanted == 0


def test_raised_minimum_holds_without_figures() -> None:
    state, why = replicas(START, ScalingState(wanted=0), None, LIMITS)

    assert (state.wanted, why) == (1, "at least 1")


def test_lowered_maximum_holds_at_once() -> None:
    after = _each_second(replace(KNOWN, wanted=6), 1, replace(LIMITS, most=2), busy=2)

    assert after.wanted == 2


def test_azures_example_of_twenty_requests_of_ten_seconds_needs_286_replicas() -> None:
    state = ScalingState(wanted=1, service_seconds=10)

    assert _each_second(state, 10, replace(LIMITS, most=1000), arrivals=20).wanted == 286


def test_seven_busy_at_seventy_percent_need_ten_and_not_eleven() -> None:
    assert _each_second(KNOWN, 3, busy=7).wanted == 10


def test_figures_of_a_clock_that_was_set_back_are_forgotten() -> None:
    ahead = _each_second(KNOWN, 1, start=START + 3600, busy=2)

    assert _each_second(ahead, 3, busy=7).wanted == 10


# What always holds

FIGURES = st.builds(
    Observation,
    at=st.just(0.0),
    busy=st.floats(0, 50),
    arrivals=st.integers(0, 500),
    service_seconds=st.none() | st.floats(0.001, 10),
    waiting=st.integers(0, 100),
)
PAUSES = st.sampled_from([1.0, 1.0, 1.0, 2.0, 7.0, 90.0])
SEQUENCES = st.lists(st.tuples(PAUSES, st.none() | FIGURES), min_size=1, max_size=80)
SLEEPY = Limits(least=0, most=20, idle=30)


def _run(
    sequence: list[tuple[float, Observation | None]], limits: Limits = SLEEPY
) -> Iterator[tuple[float, ScalingState, Observation | None, ScalingState]]:
    """Time, state before, observation, state after."""
    now, state = START, ScalingState(wanted=limits.least)
    for pause, figures in sequence:
        now += pause
        observation = figures and replace(figures, at=now)
        before, (state, _) = state, replicas(now, state, observation, limits)
        yield now, before, observation, state


@settings(max_examples=60, deadline=None)
@given(SEQUENCES)
def test_wanted_replicas_stay_within_limits_and_follow_requests(
    sequence: list[tuple[float, Observation | None]],
) -> None:
    for _, before, observation, after in _run(sequence):
        assert SLEEPY.least <= after.wanted <= SLEEPY.most
        if observation is None:
            assert after.wanted <= before.wanted
        elif observation.arrivals or observation.waiting:
            assert after.wanted >= 1


@settings(max_examples=60, deadline=None)
@given(SEQUENCES)
def test_more_requests_or_a_higher_minimum_never_mean_fewer_replicas(
    sequence: list[tuple[float, Observation | None]],
) -> None:
    for now, before, observation, after in _run(sequence):
        if observation:
            more = replace(observation, arrivals=observation.arrivals + 7, waiting=observation.waiting + 3)
            assert replicas(now, before, more, SLEEPY)[0].wanted >= after.wanted
        assert replicas(now, before, observation, replace(SLEEPY, least=2))[0].wanted >= after.wanted


@settings(max_examples=60, deadline=None)
@given(SEQUENCES)
def test_one_reduction_in_a_minute_never_below_what_was_wished_for_in_it_but_to_sleep(
    sequence: list[tuple[float, Observation | None]],
) -> None:
    reduced_at = float("-inf")
    for now, before, _, after in _run(sequence):
        if 0 < after.wanted < before.wanted:
            assert now - reduced_at >= SLEEPY.down
            assert after.wanted >= max((wish for at, wish in before.wishes if at >= now - SLEEPY.down), default=0)
            reduced_at = now
        elif not after.wanted and before.wanted:
            assert before.busy_at is None or now - before.busy_at >= SLEEPY.idle


@settings(max_examples=30, deadline=None)
@given(SEQUENCES)
def test_twice_the_slots_carry_twice_the_load(sequence: list[tuple[float, Observation | None]]) -> None:
    doubled = [
        (pause, one and replace(one, busy=one.busy * 2, arrivals=one.arrivals * 2, waiting=one.waiting * 2))
        for pause, one in sequence
    ]
    single = [after.wanted for *_, after in _run(sequence)]

    assert [after.wanted for *_, after in _run(doubled, replace(SLEEPY, slots=2))] == single


# Simulated services: requests of 0.2 s in the mean, refused after half a second of waiting


@pytest.mark.parametrize(
    ("name", "cold_start", "refused_percent", "replica_seconds", "changes"),
    [
        ("constant", 3, 0.5, 7_000, 20),
        ("step", 3, 0.6, 11_500, 20),
        ("spike", 0.3, 1.5, 7_600, 16),
        ("ramp", 3, 0.5, 11_500, 45),
        ("flapping", 3, 0.8, 12_000, 22),
    ],
)
def test_simulated_service_refuses_few_wastes_little_and_does_not_flap(
    name: str, cold_start: float, refused_percent: float, replica_seconds: float, changes: int
) -> None:
    outcome = simulate(LOADS[name], cold_start, LIMITS)

    assert outcome.refused_percent <= refused_percent
    assert outcome.replica_seconds <= replica_seconds
    assert outcome.changes <= changes


def test_load_step_is_answered_in_full_within_three_seconds() -> None:
    wanted = simulate(LOADS["step"], 3, replace(LIMITS, fast=FAST_SECONDS)).wanted

    assert wanted[302] >= 12  # 40 requests of 0.2 s a second are 8 at once; at 70 % that is 12


def test_figures_lost_for_half_a_minute_cost_nothing() -> None:
    assert simulate(LOADS["step"], 3, LIMITS, lost=(310, 340)).refused_percent <= 0.6
