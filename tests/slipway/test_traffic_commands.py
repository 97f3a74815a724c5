"""`slipway service traffic`: what people type."""

import pytest

from slipway.commands.traffic import _numbers, _sticky
from slipway.errors import Misuse


def test_shares_are_numbers_of_revisions_and_per_cent():
    assert _numbers(["1=90", "2=9.5", "3=0%"]) == {1: 90.0, 2: 9.5, 3: 0.0}


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (["--sticky", "header:x-user"], {"sticky": {"header": "x-user"}}),
        (["--host", "none"], {"hosts": []}),
        (["2=10", "--sticky", "none"], {"revisions": [(2, 10, 0)], "sticky": {}}),
        (["--mirror", "3=5"], {"revisions": [(3, 0, 5)]}),
    ],
)
def test_only_what_is_named_is_sent(slipway, deployed, typed, asked):
    assert slipway("service", "traffic", "iris", *typed).code == 0
    sent = deployed.services["iris"]["asked_of_traffic"]
    rows = [(row["revision"], row["percent"], row["mirror_percent"]) for row in sent.get("revisions", [])]
    assert sent | ({"revisions": rows} if rows else {}) == {"default": None, "reason": ""} | asked
    assert [verb for verb, path in deployed.requests if path.endswith("/traffic")] == ["PUT"]


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
