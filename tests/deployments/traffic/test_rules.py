"""Which shares, stickiness and host names can be."""

import math

import pytest

from deployments.errors import BadTraffic
from deployments.traffic.rules import complete_hosts, complete_shares, complete_sticky
from deployments.traffic.shares import ALL, Share


@pytest.mark.parametrize(
    ("percents", "mirrors", "shares"),
    [
        ({}, {}, {1: ALL}),
        ({1: 90, 2: 10}, {}, {1: Share(90), 2: Share(10)}),
        ({2: 10}, {}, {1: Share(90), 2: Share(10)}),
        ({1: 20, 2: 10}, {}, {1: Share(90), 2: Share(10)}),
        ({2: 100}, {}, {1: Share(0), 2: ALL}),
        ({2: 0}, {}, {1: ALL, 2: Share(0)}),
        ({2: 0.01, 3: 33.33}, {}, {1: Share(66.66), 2: Share(0.01), 3: Share(33.33)}),
        ({2: 10}, {3: 5}, {1: Share(90), 2: Share(10), 3: Share(0, 5)}),
    ],
)
def test_the_default_revision_gets_what_is_missing(percents, mirrors, shares):
    assert complete_shares(percents, mirrors, 1) == shares


@pytest.mark.parametrize(
    ("percents", "mirrors", "message"),
    [
        ({1: 90, 2: 10.01}, {}, "The shares sum to 100.01 %, more than 100 %."),
        ({2: -1}, {}, "-1 % for revision 2 is not between 0 and 100 %."),
        ({2: math.nan}, {}, "nan % for revision 2 is not between 0 and 100 %."),
        ({2: 0.005}, {}, "0.005 % for revision 2 is too fine."),
        (dict.fromkeys(range(2, 12), 1), {}, "11 revisions cannot run at once."),
        ({}, {1: 5}, "Revision 1 would be its own shadow: it is the default revision."),
        ({2: 100}, {2: 5}, "Revision 2 would be its own shadow: it is the one that gets all requests."),
    ],
)
def test_shares_that_cannot_be_are_refused(percents, mirrors, message):
    with pytest.raises(BadTraffic) as refused:
        complete_shares(percents, mirrors, 1)
    assert refused.value.message == message


def test_requests_stick_by_one_header_or_cookie():
    assert complete_sticky({"header": "X-User"}) == {"header": "x-user"}
    assert complete_sticky({"cookie": "User", "header": ""}) == {"cookie": "User"}
    assert complete_sticky({}) == {}
    for bad in ({"header": "a", "cookie": "b"}, {"header": "x user"}, {"cookie": "a=b"}):
        with pytest.raises(BadTraffic):
            complete_sticky(bad)


def test_host_names_are_names():
    assert complete_hosts(["Iris.Example.com.", "iris.example.com", "a"]) == ["a", "iris.example.com"]
    for bad in ("iris.example.com:80", "*.example.com", "10.0.0.1", "", "-a.example", "x" * 64):
        with pytest.raises(BadTraffic):
            complete_hosts([bad])
