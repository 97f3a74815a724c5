"""Slots move as little as possible, and back to where they came from."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.traffic.split import Runs, ascending, reassign
from scoring.front_contract import SLOTS

ALL_TO_FIRST: dict[int, Runs] = {1: [(0, SLOTS - 1)]}
Owned = dict[int, Runs]


def _owners(owned: Owned) -> list[int]:
    """By slot."""
    owners = {slot: name for name, runs in owned.items() for a, b in ascending(runs) for slot in range(a, b + 1)}
    assert len(owners) == SLOTS
    return [owners[slot] for slot in range(SLOTS)]


def _moved(before: Owned, after: Owned) -> float:
    """Percentage of users who change."""
    return sum(a != b for a, b in zip(_owners(before), _owners(after), strict=True)) / SLOTS * 100


def _in_turn(*all_shares: dict[int, float]) -> Owned:
    owned = ALL_TO_FIRST
    for shares in all_shares:
        owned = reassign(owned, shares)
    return owned


def test_new_revision_gets_slots_from_the_end_and_gives_the_last_back_first() -> None:
    small = _in_turn({1: 95, 2: 5})
    large = reassign(small, {1: 75, 2: 25})

    assert small == {1: [(0, 9499)], 2: [(9999, 9500)]}
    assert large == {1: [(0, 7499)], 2: [(9999, 7500)]}
    assert reassign(large, {1: 95, 2: 5}) == small


def test_third_revision_gets_slots_of_who_has_too_many_alone() -> None:
    assert _in_turn({1: 95, 2: 5}, {1: 85, 2: 5, 3: 10})[3] == [(9499, 8500)]


def test_slots_that_do_not_divide_go_to_the_earlier_revisions() -> None:
    owners = _owners(reassign({}, {1: 1, 2: 1, 3: 1}))

    assert [owners.count(name) for name in (1, 2, 3)] == [3334, 3333, 3333]


def test_share_of_one_hundredth_of_a_percent_is_one_slot() -> None:
    assert _owners(_in_turn({1: 99.99, 2: 0.01})).count(2) == 1


@pytest.mark.parametrize(
    ("before", "after", "least"),
    [
        ({1: 95, 2: 5}, {1: 75, 2: 25}, 20),
        ({1: 50, 2: 30, 3: 20}, {1: 40, 2: 30, 3: 30}, 10),
        ({1: 90, 2: 10, 3: 0}, {1: 80, 2: 10, 3: 10}, 10),
        ({1: 70, 2: 20, 3: 10}, {1: 70, 2: 10, 3: 20}, 10),
        ({1: 34, 2: 33, 3: 33}, {1: 0, 2: 50, 3: 50}, 34),
        ({1: 60, 2: 40}, {2: 100}, 60),
    ],
)
def test_no_more_users_move_than_must(before: dict[int, float], after: dict[int, float], least: float) -> None:
    owned = _in_turn(before)

    assert _moved(owned, reassign(owned, after)) == least


SHARES = st.dictionaries(st.integers(1, 6), st.integers(1, 100), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None)
@given(st.lists(SHARES, min_size=1, max_size=4), SHARES)
def test_going_back_returns_every_user(history: list[dict[int, float]], shares: dict[int, float]) -> None:
    owned = _in_turn(*history)

    assert _owners(reassign(reassign(owned, shares), history[-1])) == _owners(owned)


@pytest.mark.parametrize("shares", [{}, {1: 0}, {1: 110, 2: -10}])
def test_impossible_shares_are_refused(shares: dict[int, float]) -> None:
    with pytest.raises(ValueError, match="shares must not be below zero"):
        reassign(ALL_TO_FIRST, shares)


def test_runs_for_the_routing_file_count_upwards() -> None:
    assert ascending([(9999, 9500), (7500, 7600), (9499, 9400)]) == [(7500, 7600), (9400, 9999)]


@given(slots=st.sets(st.integers(0, SLOTS - 1), max_size=60), order=st.randoms(use_true_random=False))
def test_ascending_runs_hold_the_same_slots_in_as_few_runs_as_possible(slots, order) -> None:
    runs = [(slot, slot) for slot in slots]
    order.shuffle(runs)

    found = ascending(runs)

    assert [slot for first, last in found for slot in range(first, last + 1)] == sorted(slots)
    assert all(after[0] > before[1] + 1 for before, after in pairwise(found))
