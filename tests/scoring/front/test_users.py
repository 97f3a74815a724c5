"""Of a service that is split by stickiness the studio learns who came to which revision."""

import re

import pytest

from scoring.front_contract import Sticky, user_id, user_of_request
from tests.scoring.front.fronts import ok, revision, service

ANN = user_id("iris", b"ann")
HALVES = [(0, 4999)], [(5000, 9999)]


@pytest.fixture
def split(told, stub):
    """A front whose service is split in halves by x-user; the replica of revision 2 repeats the id of a request."""

    def route(*slots, **more):
        replicas = [stub(_echo), stub(_echo)]
        revisions = [
            revision(number, one, slots=of) for number, (one, of) in enumerate(zip(replicas, slots, strict=True), 1)
        ]
        told.start(service(*revisions, seed="iris", sticky=Sticky(header="x-user"), **more))
        return told

    return route


def _echo(asked, connection):
    return ok(b'{"id": "%b"}' % asked.headers.get("x-request-id", "").encode())


def came(studio):
    """Every (user, revision) that was told."""
    return sorted((user, one.revision) for report in studio.reports for one in report.arrivals for user in one.users)


def test_each_user_is_told_once_with_the_revision_that_they_came_to(split, studio):
    front = split(*HALVES)
    answered = {}
    for name in ("ann", "bob", "eve", "ann", "ann"):
        answered[name] = front.score(headers={"x-user": name}).headers["x-slipway-revision"]
    front.score()  # nobody
    front.score(headers={"x-user": "max", "x-slipway-revision": "2"})  # who asks for a revision was not sent there

    front.until(lambda: len(came(studio)) >= 3)

    assert came(studio) == sorted((user_id("iris", name.encode()), int(by)) for name, by in answered.items())


def test_requests_get_an_id_that_names_their_user_and_keep_their_own(split):
    front = split(*HALVES)

    ids = [front.score(headers={"x-user": "ann"}).json()["id"] for _ in range(2)]

    assert ids[0] != ids[1]
    assert {user_of_request(one) for one in ids} == {ANN}
    assert front.score(headers={"x-user": "ann", "x-request-id": "mine"}).json()["id"] == "mine"
    assert front.score().json()["id"] == ""


def test_nobody_is_counted_where_one_revision_gets_everything(split, studio):
    front = split([(0, 9999)], [])
    assert front.score(headers={"x-user": "ann"}).json()["id"] == ""

    front.until(lambda: any(report.windows for report in studio.reports))

    assert came(studio) == []


@pytest.mark.parametrize("other", ["", "mine", "0" * 16, f"{'0' * 16}-{'g' * 12}", f"{'0' * 17}-{'0' * 12}"])
def test_ids_of_others_name_nobody(other):
    assert user_of_request(other) == ""
    assert re.fullmatch("[0-9a-f]{16}", ANN)
