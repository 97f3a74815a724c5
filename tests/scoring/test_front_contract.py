"""The routing file is read back whole or not at all."""

import hashlib

import pytest

from scoring.front_contract import FrontRevision, FrontService, Routing, decode_routing, encode_routing


def _routing() -> Routing:
    revision = FrontRevision(number=1, slots=[(0, 9_999)])
    return Routing(
        number=3, services=[FrontService(id=1, workspace="main", name="iris", default=1, revisions=[revision])]
    )


def test_routing_is_read_back_as_written() -> None:
    assert decode_routing(encode_routing(_routing())) == _routing()


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
