"""Replicas that are busy, slow, dead or mad, and clients that are slow or many."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.scoring.conftest import read_answers
from tests.scoring.front.fronts import AUTH, ok, request_bytes, revision, service


def test_a_replica_that_refuses_connections_loses_no_request(front, stub):
    dead, alive = stub(), stub()
    dead.stop()
    front.route(service(revision(1, dead, alive)))
    assert {front.score().status_code for _ in range(20)} == {200}
    assert len(alive.scored()) == 20


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_request_whose_replica_dies_before_its_answer_is_sent_to_another(front, stub, pieces):
    bad, good = stub(lambda asked, connection: None), stub()
    front.route(service(revision(1, bad, good)))
    sent = request_bytes(b"x" * 500_000)
    with front.connect() as connection:
        for _ in range(4):
            for number in range(pieces):
                connection.sendall(sent[number * len(sent) // pieces : (number + 1) * len(sent) // pieces])
            assert read_answers(connection)[0][0] == 200
    assert len(bad.scored()) >= 1
    assert {len(one.body) for one in good.scored()} == {500_000}


@pytest.mark.parametrize("dying", [1, 2])
def test_a_request_whose_revision_dies_is_answered_by_another(front, stub, dying):
    def behave(asked, connection):
        bad.stop()

    bad, good = stub(behave), stub()
    shares = {dying: [(0, 5999)], 3 - dying: [(6000, 9999)]}
    front.route(
        service(*(revision(number, bad if number == dying else good, slots=shares[number]) for number in (1, 2)))
    )
    answers = [front.score() for _ in range(30)]
    assert [one.status_code for one in answers] == [200] * 30
    assert {one.headers["x-slipway-revision"] for one in answers} == {str(3 - dying)}
    assert len(bad.scored()) == 1


def test_a_request_that_waits_for_a_dead_revision_is_answered_by_the_next_that_is_ready(front, stub):
    dead, alive = stub(), stub()
    dead.stop()
    slots = {1: [(0, 8999)], 2: [(9000, 9999)]}
    front.route(service(revision(1, dead, slots=slots[1]), revision(2, slots=slots[2])))
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(front.score) for _ in range(4)]
        time.sleep(0.5)
        front.route(service(revision(1, dead, slots=slots[1]), revision(2, alive, slots=slots[2])))
        assert [(one.result().status_code, one.result().headers["x-slipway-revision"]) for one in waiting] == [
            (200, "2")
        ] * 4


def test_a_request_for_a_revision_that_has_died_is_not_answered_by_another(front, stub):
    dead, alive = stub(), stub()
    dead.stop()
    front.route(service(revision(1, alive), revision(2, dead)))
    assert front.score(headers={"x-slipway-revision": "2"}).status_code == 503
    assert alive.scored() == []


def test_a_request_is_sent_again_once_only(front, stub):
    bad = stub(lambda asked, connection: None)
    front.route(service(revision(1, bad)))
    assert front.score().status_code == 502
    assert len(bad.scored()) == 2


def test_a_body_that_is_too_large_to_be_held_is_not_sent_again(front, stub):
    bad, other = stub(lambda asked, connection: None), stub(lambda asked, connection: None)
    front.route(service(revision(1, bad, other)))
    answer = front.score(b"x" * 3_000_000)
    assert (answer.status_code, answer.json()["code"]) == (502, "replica_failed")
    assert len(bad.scored() + other.scored()) == 1


def test_a_kept_connection_that_the_replica_has_closed_is_no_failure(front, stub):
    def behave(asked, connection):
        if len(replica.scored()) == 2:
            return None
        return ok()

    replica = stub(behave)
    front.route(service(revision(1, replica)))
    assert [front.score().status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("garbage", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"])
def test_garbage_is_never_passed_on(front, stub, garbage):
    mad, good = stub(lambda asked, connection: garbage), stub()
    front.route(service(revision(1, mad, good)))
    assert {front.score().content for _ in range(10)} == {b'{"answer": 1}'}
    assert len(mad.scored()) <= 2  # it was ejected, and probes ask its health


def test_half_an_answer_is_cut_off_so_that_the_client_sees_it(front, stub):
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"

    def behave(asked, connection):
        connection.sendall(half)

    front.route(service(revision(1, stub(behave))))
    with pytest.raises(httpx.RemoteProtocolError):
        front.score()


def test_a_replica_that_does_not_answer_in_time_is_504(front, stub):
    release = threading.Event()
    front.route(service(revision(1, stub(lambda asked, connection: release.wait(10) and None)),
                        scoring_timeout_seconds=0.3))  # fmt: skip
    answer = front.score()
    release.set()
    assert (answer.status_code, answer.json()["code"]) == (504, "timeout")


def test_an_ejected_replica_gets_requests_again_after_a_probe(front, stub):
    replica = stub()
    front.route(service(revision(1, replica), queue_wait_seconds=0.1))
    replica.stop()
    assert front.score().status_code == 503
    replica.start()
    front.until(lambda: front.score().status_code == 200)


def test_a_restarting_replica_costs_waiting_and_no_error(front, stub):
    replica = stub()
    front.route(service(revision(1, replica), queue_wait_seconds=15))
    assert front.score().status_code == 200
    replica.stop()
    threading.Timer(0.4, replica.start).start()
    assert front.score().status_code == 200


def test_a_revision_without_a_ready_replica_leaves_its_share_to_the_default(front, stub):
    dead = stub()
    dead.stop()
    front.route(service(revision(1, stub()), revision(2, dead, slots=[(0, 4999)]), queue_wait_seconds=0.1))
    answers = [front.score() for _ in range(30)]
    assert [one.status_code for one in answers].count(200) >= 29  # the first may have waited for the dead one
    assert front.score(headers={"x-slipway-revision": "2"}).status_code == 503


def test_requests_beyond_the_limit_of_a_replica_wait_their_turn(front, stub):
    at_once, most, lock = [0], [0], threading.Lock()

    def behave(asked, connection):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.02)
        with lock:
            at_once[0] -= 1
        return ok()

    front.route(service(revision(1, stub(behave)), concurrency=2, queue_wait_seconds=10))
    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(lambda _: front.score().status_code, range(30))) == {200}
    assert most[0] == 2


def test_who_waits_too_long_gets_503_and_when_to_come_back(front, stub):
    release = threading.Event()
    front.route(service(revision(1, stub(lambda asked, connection: release.wait(10) and ok())), concurrency=1,
                        queue_wait_seconds=0.2, queue_limit=1))  # fmt: skip
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(front.score) for _ in range(3)]
        front.until(lambda: sum(one.done() for one in asked) == 2)
        release.set()
        answers = [one.result() for one in asked]
    refused = [one for one in answers if one.status_code == 503]
    assert len(refused) == 2
    assert {one.headers["retry-after"] for one in refused} == {"1"}
    assert any("wait already" in one.text for one in refused)


def test_the_first_requests_to_a_sleeping_service_are_held_until_it_wakes(front, stub):
    front.route(service(revision(1), wakes=True, queue_wait_seconds=0.1, wake_seconds=20))
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(front.score) for _ in range(5)]
        time.sleep(0.4)
        assert not any(one.done() for one in asked)
        front.route(service(revision(1, stub()), wakes=True, queue_wait_seconds=0.1, wake_seconds=20))
        assert {one.result().status_code for one in asked} == {200}


def test_who_waits_for_a_revision_that_is_removed_goes_to_the_default(front, stub):
    front.route(service(revision(1), revision(2, slots=[(0, 9999)]), wakes=True))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(front.score)
        time.sleep(0.2)
        front.route(service(revision(1, stub()), wakes=True))
        assert asked.result().headers["x-slipway-revision"] == "1"


def test_an_answer_before_the_end_of_a_body_is_passed_on_and_ends_the_connection(front, stub):
    def read(file, connection):
        while file.readline().strip():
            pass
        connection.sendall(ok(b"enough", status="422 Unprocessable Content"))
        file.read()

    front.route(service(revision(1, stub(read=read))))
    with front.connect() as connection:
        connection.sendall(request_bytes(b"", "Content-Length: 100000") + b"the beginning")
        [(status, headers, body)] = read_answers(connection)
        assert (status, headers["connection"], body) == (422, "close", b"enough")
        assert connection.recv(1) == b""


def test_a_body_that_is_announced_too_large_is_refused_and_the_connection_closed(front, stub):
    front.route(service(revision(1, stub()), max_body_bytes=10))
    with front.connect() as connection:
        connection.sendall(request_bytes(b"", "Content-Length: 100000"))
        [(status, headers, _)] = read_answers(connection)
        assert (status, headers["connection"]) == (413, "close")


def test_refusals_have_the_form_of_the_address_that_was_asked(front, stub):
    front.route(service(revision(1, stub())))
    for path, names in (
        ("/default/iris/v2/models/iris/infer", {"error"}),
        ("/default/iris/score", {"message", "code"}),
    ):
        answer = front.client.post(path, content=b"{}", headers={"Authorization": "Bearer wrong"})
        assert (answer.status_code, set(answer.json())) == (401, names)
    with front.connect() as connection:
        connection.sendall(b"HEAD /default/iris/score HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 401")
        assert answer.endswith(b"\r\n\r\n")


def test_a_request_that_reached_nobody_at_first_is_still_sent_again_when_a_replica_dies(front, stub):
    for _ in range(4):  # either of the two comes first
        dead, flaky = stub(), stub()
        flaky.behave = lambda asked, connection, flaky=flaky: None if len(flaky.scored()) == 1 else ok()
        dead.stop()
        front.route(service(revision(1, dead, flaky)))
        assert front.score().status_code == 200
        assert len(flaky.scored()) == 2


def test_slow_and_idle_connections_make_room_for_others(own_front, stub):
    front = own_front(connections_limit=16).start(service(revision(1, stub())))
    slow = [front.connect() for _ in range(16)]
    for one in slow:
        one.sendall(b"POST /default/iris/score HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    time.sleep(2.2)  # a request may take two seconds to arrive before it makes room
    for _ in range(10):
        assert httpx.post(f"http://127.0.0.1:{front.port}/default/iris/score", content=b"{}", headers=AUTH,
                          trust_env=False).status_code == 200  # fmt: skip
    for one in slow:
        one.close()


def test_a_head_that_never_ends_is_refused(front):
    with front.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        for _ in range(70):
            connection.sendall(b"x: " + b"y" * 1024 + b"\r\n")
        assert read_answers(connection)[0][0] == 431
