"""Copies for a revision that is tried out, and what the studio is told about them and everything else."""

import threading
import time

import pytest

from scoring.front_contract import ClientKey
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

    told.start(
        service(revision(1, stub()), revision(2, stub(misbehave), mirror_percent=100), scoring_timeout_seconds=1)
    )
    began = time.monotonic()
    assert {told.score().status_code for _ in range(40)} == {200}
    assert time.monotonic() - began < 10  # of forty sleeps
    told.until(lambda: "failed" in counted(studio, "copies"))
    assert not {"agreed", "disagreed"} & counted(studio, "copies").keys()
    release.set()


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
    for _ in range(10):
        told.score()
    told.until(lambda: sum(load.arrivals for report in studio.reports for load in report.loads) == 10)
    loads = [load for report in studio.reports for load in report.loads if load.service_seconds is not None]
    assert all(0.05 <= load.service_seconds < 1 for load in loads)
    assert sum(load.busy * load.seconds for load in loads) == pytest.approx(0.5, abs=0.3)
    assert studio.reports[-1].applied == told.number
    told.until(lambda: counted(studio, "codes", revision=1) == {"200": 10})
    windows = [window for report in studio.reports for window in report.windows.get(1, [])]
    assert {window.replica for window in windows} == {"front-front"}


def test_a_request_that_waits_for_a_sleeping_service_is_told_at_once(told, studio, stub):
    told.start(service(revision(1), wakes=True, wake_seconds=20))
    told.until(lambda: studio.reports)
    asked = threading.Thread(target=told.score)
    began = time.monotonic()
    asked.start()
    told.until(lambda: any(load.waiting for report in studio.reports for load in report.loads))
    assert time.monotonic() - began < 5
    told.route(service(revision(1, stub()), wakes=True))
    asked.join(20)


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
