"""The routing file is read back whole or not at all."""

import hashlib
from collections import Counter

import pytest

from scoring.front_contract import (
    SLOTS,
    FrontRevision,
    FrontService,
    Routing,
    decode_routing,
    encode_routing,
    routing_number,
    slot_of,
    unit_of,
)


def _routing() -> Routing:
    revision = FrontRevision(number=1, slots=[(0, 9_999)])
    return Routing(
        number=3, services=[FrontService(id=1, workspace="main", name="iris", default=1, revisions=[revision])]
    )


def test_routing_is_read_back_as_written() -> None:
    assert decode_routing(encode_routing(_routing())) == _routing()
    assert routing_number(encode_routing(_routing())) == _routing().number


def test_routing_cut_anywhere_is_refused() -> None:
    contents = encode_routing(_routing())

    for length in range(len(contents)):
        with pytest.raises(ValueError, match="cut off or was changed"):
            decode_routing(contents[:length])


def test_routing_changed_by_hand_is_refused() -> None:
    with pytest.raises(ValueError, match="cut off or was changed"):
        decode_routing(encode_routing(_routing()).replace(b"iris", b"rose"))


def test_routing_with_other_fields_is_refused_with_the_field() -> None:
    contents = encode_routing(Routing(number=1)).replace(b'"number":1', b'"number":"one"')
    line = contents.partition(b"\n")[0]
    with pytest.raises(ValueError, match=r"not as this front reads it: .*number"):
        decode_routing(line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n")


@pytest.mark.parametrize(
    ("seed", "value", "unit"),
    [
        ("svc-a", "user-1", 0.46985373451431545),
        ("svc-a", "user-2", 0.869133346227102),
        ("svc-b", "user-1", 0.9748874376647648),
        ("svc-a", "", 0.9715917288873702),
        ("svc-a", "Zoë", 0.061229027651875115),
    ],
)
def test_place_of_a_sticky_value_never_changes(seed: str, value: str, unit: float) -> None:
    assert unit_of(seed, value.encode()) == unit
    assert slot_of(seed, value.encode()) == int(unit * SLOTS)


def test_sticky_values_that_look_alike_are_spread_evenly() -> None:
    """Chi-squared over 100 bins of 100,000 keys: above 135 for 1 % of good hashes, 6,800 for FNV-1a scaled down."""
    counts = Counter(slot_of("svc-a", b"user-%d" % number) // 100 for number in range(100_000))

    assert sum((counts[one] - 1000) ** 2 / 1000 for one in range(100)) < 135
