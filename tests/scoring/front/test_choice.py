"""Slots of a split, and the choice of a replica."""

import pytest

from scoring.front.choice import LeastBusy
from scoring.front.state import Replica
from scoring.front_contract import FrontReplica, slot_of, unit_of


@pytest.mark.parametrize(
    ("seed", "value", "expected"),
    [
        ("svc-a", "user-1", 0.46985373451431545),
        ("svc-a", "user-2", 0.869133346227102),
        ("svc-b", "user-1", 0.9748874376647648),
        ("svc-a", "", 0.9715917288873702),
        ("svc-a", "Zoë", 0.061229027651875115),
    ],
)
def test_the_unit_of_a_value_is_that_of_the_agreed_hash(seed, value, expected):
    assert unit_of(seed, value.encode()) == pytest.approx(expected, abs=1e-15)
    assert slot_of(seed, value.encode()) == int(expected * 10_000)


def test_slots_of_a_hundred_thousand_users_are_even():
    counts = [0] * 100
    for number in range(100_000):
        counts[slot_of("svc-a", f"user-{number}".encode()) // 100] += 1
    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 135  # chi square of 99 degrees, 1 %


def replicas(*busy):
    made = [Replica(FrontReplica(id=str(number), address="")) for number in range(len(busy))]
    for one, count in zip(made, busy, strict=True):
        one.busy = count
    return made


def test_the_least_busy_replica_is_picked():
    assert LeastBusy().pick(replicas(3, 1, 2)).id == "1"


def test_equally_busy_replicas_take_turns():
    picker, three = LeastBusy(), replicas(0, 0, 0)
    assert sorted(picker.pick(three).id for _ in range(30)) == ["0"] * 10 + ["1"] * 10 + ["2"] * 10


def test_a_replica_at_its_limit_is_not_picked():
    assert LeastBusy().pick(replicas(2, 3), limit=2) is None
    assert LeastBusy().pick(replicas(2, 1), limit=2).id == "1"
    assert LeastBusy().pick([], limit=2) is None
