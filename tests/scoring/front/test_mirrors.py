"""Copies for a revision that is tried out, and what the studio is told about them and everything else."""

import asyncio
import gzip
import threading
import time
from unittest.mock import Mock

import pytest

from scoring.front import report
from scoring.front.auth import NOBODY
from scoring.front.front import Front
from scoring.front_contract import ClientKey, FrontSettings, Routing, encode_routing
from tests.scoring.front.fronts import AUTH, KEY, counted, ok, revision, service


def test_copies_are_compared_with_what_callers_got(told, studio, stub):
    mirror = stub(lambda asked, connection: ok(b'{"answer": 1.5}'))
    told.start(service(revision(1, stub()), revision(2, mirror, mirror_percent=100)))
    for _ in range(5):
        assert told.score().json() == {"answer": 1}
    told.until(lambda: counted(studio, "copies") == {"disagreed": 5})
    assert counted(studio, "distances") == {"5e-01 answer": 5}
    assert counted(studio, "codes") == {}
    assert min(counted(studio, "copy_time")[one] for one in ("caller", "copy")) > 0
    assert {one.body for one in mirror.scored()} == {b'{"data": [1]}'}
    assert {one.headers["x-slipway-front"] for one in mirror.scored()} == {"the-front-key primary"}
    assert studio.tokens[-1] == "Bearer the-token"


@pytest.mark.parametrize("behave", ["sleeps", "dies", "answers garbage"])
def test_a_mirror_that_misbehaves_is_not_noticed_by_callers(told, studio, stub, behave):
    release = threading.Event()

    def misbehave(asked, connection):
        if behave == "sleeps":
            release.wait(20)
        return b"garbage" if behave == "answers garbage" else None

    echoing = stub(lambda asked, connection: ok(asked.body))
    told.start(
        service(revision(1, echoing), revision(2, stub(misbehave), mirror_percent=100), scoring_timeout_seconds=1)
    )
    answers = [told.score(b"%d" % number) for number in range(40)]  # while it sleeps: nothing releases it
    assert [(one.status_code, one.content) for one in answers] == [(200, b"%d" % number) for number in range(40)]
    told.until(lambda: "failed" in counted(studio, "copies"))
    assert not {"agreed", "disagreed"} & counted(studio, "copies").keys()
    release.set()


def test_a_mirror_may_answer_compressed_or_in_chunks(told, studio, stub):
    packed = gzip.compress(b'{"answer": 1.0}')
    chunked = b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"ans\r\n8\r\nwer": 1}\r\n0\r\n\r\n'
    answers = {b"zip": ok(packed, "content-encoding: gzip"), b"parts": chunked}
    told.start(
        service(revision(1, stub()), revision(2, stub(lambda asked, _: answers[asked.body]), mirror_percent=100))
    )
    for body in answers:
        assert told.score(body).json() == {"answer": 1}
    told.until(lambda: counted(studio, "copies") == {"agreed": 2})


def test_copies_for_a_revision_that_is_removed_are_dropped_and_not_sent_to_another(told, studio, stub):
    release = threading.Event()
    caller, mirror = stub(), stub(lambda asked, connection: release.wait(20) and ok())
    shadow = service(revision(1, caller), revision(2, mirror, mirror_percent=100), concurrency=1, queue_wait_seconds=15)
    told.start(shadow)
    for _ in range(4):  # the first goes to the mirror, the others wait for it
        told.score()
    told.until(mirror.scored)
    told.route(service(revision(1, caller)))
    release.set()
    assert told.score().status_code == 200
    assert len(caller.scored()) == 5
    assert len(mirror.scored()) == 1


def test_only_so_many_copies_are_under_way(told, studio, stub):
    release = threading.Event()
    mirror = stub(lambda asked, connection: release.wait(20) and ok())
    told.start(service(revision(1, stub()), revision(2, mirror, mirror_percent=100)))
    for _ in range(30):
        told.score()
    told.until(lambda: counted(studio, "copies").get("dropped") == 14)
    assert len(mirror.scored()) == 16
    release.set()


def test_the_studio_learns_what_scaling_needs(told, studio, stub):
    told.start(service(revision(1, stub(lambda asked, connection: time.sleep(0.05) or ok()))))
    began = time.monotonic()
    for _ in range(10):
        told.score()
    took = time.monotonic() - began
    told.until(lambda: sum(load.arrivals for report in studio.reports for load in report.loads) == 10)
    loads = [load for report in studio.reports for load in report.loads if load.service_seconds is not None]
    assert all(load.service_seconds >= 0.05 for load in loads)
    assert 0.5 <= sum(load.busy * load.seconds for load in loads) <= took  # one at a time
    assert studio.reports[-1].applied == told.number
    told.until(lambda: counted(studio, "codes", revision=1) == {"200": 10})
    windows = [window for report in studio.reports for window in report.windows.get(1, [])]
    assert {window.replica for window in windows} == {"front-front"}


def test_a_request_that_waits_for_a_sleeping_service_is_told_before_a_report_is_due(tmp_path, studio, monkeypatch):
    monkeypatch.setattr(report, "BUSY_SECONDS", 3600.0)

    async def run():
        routing = tmp_path / "routing"
        routing.write_bytes(encode_routing(Routing(number=1, services=[service(revision(1), wakes=True)])))
        settings = FrontSettings(routing=str(routing), folder=str(tmp_path), report_token="the-token",
                                 report_url=f"{studio.address}/report")  # fmt: skip
        reporter = report.Reporter(settings)
        front = Front(settings, reporter.hurry)
        front.read_routing()
        reporter.start(front)
        [found] = front.table.services
        head = Mock(service=found, pinned=found.default, caller=NOBODY)
        front.dispatch(front.dispatcher.begin(Mock(), head, b"", b"", complete=True))
        while not studio.reports:
            await asyncio.sleep(0.01)
        await reporter.close(front)

    asyncio.run(asyncio.wait_for(run(), 20))
    assert [load.waiting for load in studio.reports[0].loads] == [1]


def test_a_key_with_a_quota_is_refused_beyond_it_and_its_use_reported(told, studio, stub):
    from hashlib import sha256

    key = ClientKey(name="ci", digest=sha256(KEY.encode()).hexdigest(), requests_a_day=3)
    told.start(service(revision(1, stub()), keys=[key]))
    answers = [told.score(headers=AUTH) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["code"] == "quota_used"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 86_401
    told.until(lambda: studio.reports and studio.reports[-1].keys)
    assert [(one.key, one.requests) for one in studio.reports[-1].keys] == [("ci", 3)]


def test_the_front_serves_while_the_studio_is_down(own_front, stub):
    front = own_front(report_url="http://127.0.0.1:9/report").start(service(revision(1, stub())))
    assert front.score().status_code == 200
    front.until(lambda: "the studio does not take reports" in front.log())
    assert front.score().status_code == 200
