"""`slipway service traffic`: what people type."""

import pytest

from slipway.commands.traffic import _numbers, _sticky
from slipway.errors import Misuse


def test_shares_are_numbers_of_revisions_and_per_cent():
    assert _numbers(["1=90", "2=9.5", "3=0%"]) == {1: 90.0, 2: 9.5, 3: 0.0}


@pytest.mark.parametrize("given", [["1"], ["one=90"], ["1=much"], ["1=90", "1=10"], ["1=90", "1=90"], ["=5"]])
def test_what_is_no_share_is_refused(given):
    with pytest.raises(Misuse):
        _numbers(given)


def test_requests_stick_by_a_header_a_cookie_or_not():
    assert _sticky("header:x-user") == {"header": "x-user"}
    assert _sticky("cookie:user") == {"cookie": "user"}
    assert _sticky("none") == {}
    for bad in ("x-user", "header:", "query:user"):
        with pytest.raises(Misuse):
            _sticky(bad)
