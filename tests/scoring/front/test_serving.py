"""Requests through a running front: who answers them, and how they are passed on."""

import os
import socket
import struct
import threading
import time
from contextlib import suppress
from hashlib import sha256

import psutil
import pytest

from scoring.front_contract import ClientKey, FrontReplica, FrontRevision, Sticky, encode_routing
from tests.scoring.conftest import read_answers
from tests.scoring.front.fronts import AUTH, KEY, ok, request_bytes, revision, service


def test_an_answer_says_which_revision_gave_it(front, stub):
    replica = stub()
    front.route(service(revision(3, replica)))
    answer = front.score()
    assert (answer.status_code, answer.json(), answer.headers["x-slipway-revision"]) == (200, {"answer": 1}, "3")
    asked = replica.scored()[-1]
    assert (asked.line, asked.body) == ("POST /score HTTP/1.1", b'{"data": [1]}')
    assert asked.headers["x-forwarded-for"] == "127.0.0.1"


def test_without_the_right_key_nothing_reaches_a_replica(front, stub):
    replica = stub()
    front.route(service(revision(1, replica)))
    answer = front.score(headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert not replica.scored()


def test_traffic_is_split_within_binomial_bounds(front, stub):
    front.route(service(revision(1, stub()), revision(2, stub(), slots=[(9000, 9999)])))
    with front.connect() as connection:
        file = connection.makefile("rb")
        got = {"1": 0, "2": 0}
        for _ in range(40):
            connection.sendall(request_bytes() * 50)
            for _ in range(50):
                got[read_headers(file)["x-slipway-revision"]] += 1
    assert 131 <= got["2"] <= 272  # 200 of 2000; outside once in ten million runs


def read_headers(file) -> dict[str, str]:
    file.readline()
    headers = {}
    while line := file.readline().strip():
        name, _, value = line.decode().partition(": ")
        headers[name] = value
    file.read(int(headers["content-length"]))
    return headers


def test_pinned_and_sticky_requests_always_get_the_same_revision(front, stub):
    split = [revision(1, stub()), revision(2, stub(), slots=[(5000, 9999)], label="blue")]
    front.route(service(*split, sticky=Sticky(header="x-user"), seed="svc-a"))
    for _ in range(20):
        assert front.score(headers={"x-slipway-revision": "blue"}).headers["x-slipway-revision"] == "2"
        assert front.score(headers={"x-user": "user-1"}).headers["x-slipway-revision"] == "1"  # slot 4698
        assert front.score(headers={"x-user": "user-2"}).headers["x-slipway-revision"] == "2"  # slot 8691


def test_a_replica_is_reached_over_its_unix_socket(front, stub, tmp_path):
    replica = stub(path=str(tmp_path / "score.sock"))
    front.route(service(revision(1, replica)))
    assert front.score().status_code == 200
    assert len(replica.scored()) == 1


def test_a_link_in_the_place_of_a_socket_is_not_followed(front, stub, tmp_path):
    replica = stub(path=str(tmp_path / "other.sock"))
    os.symlink(replica.path, tmp_path / "score.sock")
    found = FrontReplica(id="x", address=f"unix:{tmp_path}/score.sock", owner=os.getuid())
    front.route(service(FrontRevision(number=1, replicas=[found]), queue_wait_seconds=0.1))
    assert front.score().status_code == 503
    assert not replica.asked


def test_a_socket_of_another_user_is_not_used(front, stub, tmp_path):
    replica = stub(path=str(tmp_path / "score.sock"))
    found = FrontReplica(id="x", address=replica.address, owner=os.getuid() + 1)
    front.route(service(FrontRevision(number=1, replicas=[found]), queue_wait_seconds=0.1))
    assert front.score().status_code == 503
    assert not replica.asked


@pytest.mark.parametrize(
    "spoil", [lambda good: good[: len(good) // 2], lambda good: b"", lambda good: good.replace(b"9", b"8")]
)
def test_a_bad_routing_file_is_refused_and_the_last_good_one_stays(front, stub, spoil):
    front.route(service(revision(1, stub())))
    since = len(front.log())
    front.write_bytes(spoil(encode_routing_of(9_000_000)))
    front.until_logged("the routing file is refused", since)
    assert front.score().status_code == 200
    assert front.applied() == front.number


def encode_routing_of(number: int) -> bytes:
    from scoring.front_contract import Routing

    return encode_routing(Routing(number=number))


def test_a_routing_file_with_a_lower_number_is_refused(front, stub):
    front.route(service(revision(1, stub())))
    since = len(front.log())
    front.write_bytes(encode_routing_of(0))
    front.until_logged("number 0 is lower than", since)
    assert front.score().status_code == 200


def test_services_with_the_same_host_name_are_refused(front, stub):
    front.route(service(revision(1, stub())))
    since = len(front.log())
    front.write(service(revision(1, stub()), hosts=["a.example"]),
                service(revision(1, stub()), id=2, name="other", hosts=["A.example"]))  # fmt: skip
    front.until_logged("two services have the host name a.example", since)
    assert front.score().status_code == 200


def test_pipelined_requests_are_answered_in_order(front, stub):
    def behave(asked, connection):
        time.sleep(0.05 if asked.body == b"0" else 0)
        return ok(asked.body)

    front.route(service(revision(1, stub(behave), stub(behave))))
    with front.connect() as connection:
        connection.sendall(b"".join(request_bytes(b"%d" % number) for number in range(20)))
        assert [body for _, _, body in read_answers(connection, 20)] == [b"%d" % number for number in range(20)]


def test_a_client_that_has_closed_its_sending_side_is_answered(front, stub):
    front.route(service(revision(1, stub(lambda asked, connection: time.sleep(0.1) or ok()))))
    with front.connect() as connection:
        connection.sendall(request_bytes())
        connection.shutdown(socket.SHUT_WR)
        assert read_answers(connection)[0][0] == 200
        assert connection.recv(1) == b""


def test_a_client_that_waits_for_continue_gets_it(front, stub):
    replica = stub()
    front.route(service(revision(1, replica)))
    with front.connect() as connection:
        connection.sendall(request_bytes(b"", "Content-Length: 5", "Expect: 100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")
        assert read_answers(connection)[0][0] == 200
    assert replica.scored()[-1].body == b"hello"


def test_a_client_with_a_wrong_key_is_not_asked_to_continue(front, stub):
    front.route(service(revision(1, stub())))
    with front.connect() as connection:
        connection.sendall(request_bytes(b"", "Content-Length: 5", "Expect: 100-continue", key="wrong"))
        assert connection.recv(12) == b"HTTP/1.1 401"


@pytest.mark.parametrize("size", [1, 3, 70_000])
def test_a_chunked_body_arrives_whole_however_it_is_cut(front, stub, size):
    replica = stub()
    front.route(service(revision(1, replica)))
    body = b"5\r\nhello\r\n" + b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000) + b"0\r\n\r\n"
    with front.connect() as connection:
        sent = request_bytes(b"", "Transfer-Encoding: chunked") + (body if size > 3 else b"5\r\nhello\r\n0\r\n\r\n")
        for at in range(0, len(sent), size):
            connection.sendall(sent[at : at + size])
        assert read_answers(connection)[0][0] == 200
    assert replica.scored()[-1].body == b"hello" + (b"x" * 60_000 if size > 3 else b"")


def test_a_chunked_body_with_an_offer_to_upgrade_is_read_as_it_is(front, stub):
    replica = stub()
    front.route(service(revision(1, replica)))
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    with front.connect() as connection:
        connection.sendall(request_bytes(b"", "Transfer-Encoding: chunked", *offer) + b"5\r\nhello\r\n0\r\n\r\n")
        assert read_answers(connection)[0][0] == 200
    assert replica.scored()[-1].body == b"hello"


def test_a_chunked_body_beyond_the_limit_is_refused(front, stub):
    front.route(service(revision(1, stub()), max_body_bytes=1000))
    with front.connect() as connection:
        connection.sendall(request_bytes(b"", "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n" % (2000, b"x" * 2000))
        assert read_answers(connection)[0][0] == 413


def test_a_body_of_forty_megabytes_passes_without_being_held(front, stub):
    arrived = threading.Event()

    def read(file, connection):
        """As a replica that says when it has half of the body."""
        with suppress(OSError):
            lines = list(iter(file.readline, b"\r\n"))
            [length] = [int(line.split()[1]) for line in lines if line.startswith(b"content-length")]
            half = file.read(length // 2)
            arrived.set()
            connection.sendall(ok(b"%d" % (len(half) + len(file.read(length - len(half))))))

    front.route(service(revision(1, stub(read=read))))
    half = b"x" * 20_000_000
    memory = psutil.Process(front.state()["front"]).memory_info
    before = memory().rss
    with front.connect() as connection:
        connection.sendall(request_bytes(b"", f"Content-Length: {2 * len(half)}") + half)
        assert arrived.wait(20)  # before the other half is sent
        assert memory().rss - before < 10_000_000
        connection.sendall(half)
        assert read_answers(connection)[0][2] == b"40000000"


def test_a_large_answer_arrives_whole_at_a_slow_reader(front, stub):
    body = os.urandom(1 << 20) * 20
    front.route(service(revision(1, stub(lambda asked, connection: ok(body)))))
    with front.connect() as connection:
        connection.sendall(request_bytes())
        time.sleep(0.3)
        [(status, _, got)] = read_answers(connection)
    assert status == 200
    assert got == body


def test_events_arrive_as_they_are_sent(front, stub):
    go_on = threading.Event()

    def behave(asked, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.sendall(b"9\r\ndata: 1\n\n\r\n")
        assert go_on.wait(10)
        return b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"

    front.route(service(revision(1, stub(behave))))
    with front.client.stream("POST", "/default/iris/score", content=b"{}") as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"data: 1\n\n"
        go_on.set()
        assert b"".join(parts) == b"data: 2\n\n"


def test_a_client_that_leaves_releases_the_replica(front, stub):
    left = threading.Event()

    def behave(asked, connection):
        connection.settimeout(10)
        if connection.recv(1) == b"":
            left.set()

    replica = stub(behave)
    front.route(service(revision(1, replica)))
    connection = front.connect()
    connection.sendall(request_bytes())
    front.until(replica.scored)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset: it has gone for good
    connection.close()
    assert left.wait(10)


def test_a_client_of_http_1_0_is_understood(front, stub):
    front.route(service(revision(1, stub())))
    head = f"POST /default/iris/score HTTP/1.0\r\nAuthorization: Bearer {KEY}\r\n"
    with front.connect() as connection:
        connection.sendall(f"{head}Connection: keep-alive\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        [(status, headers, _)] = read_answers(connection)
        assert (status, headers["connection"]) == (200, "keep-alive")
        connection.sendall(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
        assert read_answers(connection)[0][0] == 200
        assert connection.recv(1) == b""


def test_a_remembered_head_with_another_length_of_body_is_told_apart(front, stub):
    replica = stub(lambda asked, connection: ok(asked.body))
    front.route(service(revision(1, replica)))
    with front.connect() as connection:
        for _ in range(3):
            connection.sendall(request_bytes(b"abc"))
            assert read_answers(connection)[0][2] == b"abc"
        connection.sendall(request_bytes(b"abc")[:-1])
        time.sleep(0.05)
        connection.sendall(b"C" + request_bytes(b"xyz"))
        assert [body for _, _, body in read_answers(connection, 2)] == [b"abC", b"xyz"]


def test_three_hundred_services_are_told_apart(front, stub):
    replicas = [stub(lambda asked, connection, name=b"%d" % number: ok(name)) for number in range(3)]
    services = [service(revision(1, replicas[number % 3]), id=number + 1, name=f"s{number}") for number in range(300)]
    front.route(*services)
    for number in range(300):
        assert front.score(path=f"/default/s{number}/score").content == b"%d" % (number % 3)
    assert front.score(path="/default/s300/score").status_code == 404
    front.route(*services[:150], service(revision(2, replicas[2]), id=151, name="s150"), *services[151:])
    assert [front.score(path=f"/default/s{number}/score").content for number in (149, 150, 151)] == [b"2", b"2", b"1"]


def test_what_a_trusted_proxy_says_of_its_clients_reaches_the_replica(own_front, stub):
    replica = stub()
    front = own_front(trusted_proxies=["127.0.0.0/8"]).start(service(revision(1, replica)))
    for _ in range(2):  # the second time the head is remembered
        for address in ("10.1.1.1", "10.2.2.2"):
            with front.connect() as connection:
                connection.sendall(request_bytes(b"", f"X-Forwarded-For: {address}", "X-Forwarded-Proto: https"))
                assert read_answers(connection)[0][0] == 200
            said = replica.scored()[-1].headers
            assert (said["x-forwarded-for"], said["x-forwarded-proto"]) == (f"{address}, 127.0.0.1", "https")


def test_a_host_name_that_a_service_is_given_counts_at_once(front, stub):
    one, two = (stub(lambda asked, connection, name=name: ok(name)) for name in (b"one", b"two"))
    first = service(revision(1, one))
    with front.connect() as connection:
        for hosts, expected in (([], b"one"), (["test"], b"two"), ([], b"one")):
            other = service(revision(1, two), id=2, name="other", hosts=hosts)
            front.write(first, other)
            front.until(lambda: f"routing file {front.number}:" in front.log())
            connection.sendall(request_bytes())
            assert read_answers(connection)[0][2] == expected


def test_errors_below_v2_are_written_as_its_protocol_has_them(front, stub):
    front.route(service(FrontRevision(number=1), queue_wait_seconds=0.05))
    answer = front.client.post("/default/iris/v2/models/iris/infer", content=b"{}", headers=AUTH)
    assert answer.status_code == 503
    assert set(answer.json()) == {"error"}


def test_pipelined_requests_that_are_refused_at_once_are_all_answered(front, stub):
    keys = [ClientKey(name="ci", digest=sha256(KEY.encode()).hexdigest(), requests_a_day=1)]
    front.route(service(revision(1, stub()), keys=keys, id=77))
    with front.connect() as connection:
        connection.sendall(request_bytes() * 1000)
        statuses = [status for status, _, _ in read_answers(connection, 1000)]
    assert statuses == [200] + [429] * 999


def test_empty_lines_between_requests_are_skipped(front, stub):
    front.route(service(revision(1, stub())))
    with front.connect() as connection:
        for gap in (b"", b"\r\n", b"\r\n\r\n"):
            connection.sendall(gap + request_bytes())
            assert read_answers(connection)[0][0] == 200
        connection.sendall(request_bytes() + b"\r\n")
        assert read_answers(connection)[0][0] == 200


HIDING = {
    "behind chunks": b"POST /default/iris/score HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
    "behind bare line feeds": b"POST /default/iris/score HTTP/1.1\nHost: a\nContent-Length: 1\n\nX\r\n\r\n",
}


@pytest.mark.parametrize("smuggled", HIDING.values(), ids=HIDING)
def test_a_request_that_hides_another_is_refused_and_its_connection_closed(front, stub, smuggled):
    replica = stub()
    front.route(service(revision(1, replica), auth="none"))
    with front.connect() as connection:
        connection.sendall(smuggled + request_bytes())
        [(status, headers, _)] = read_answers(connection)
        assert (status, headers["connection"]) == (400, "close")
    assert not replica.scored()
