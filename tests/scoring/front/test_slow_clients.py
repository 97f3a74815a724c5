"""Clients that do not read, do not finish, or ask for more than they take: they hold up nobody but themselves."""

import socket
import struct
import threading
import time

import pytest

from tests.scoring.conftest import read_answers
from tests.scoring.front.fronts import counted, ok, request_bytes, revision, service

LARGE = b"x" * 100_000


def unread(front) -> socket.socket:
    """A connection of a client with a small buffer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", front.port))
    return connection


def settled(count) -> int:
    """The value of `count` once it has stopped to change."""
    before, now = -1, count()
    while before != now:
        time.sleep(0.3)
        before, now = now, count()
    return now


@pytest.mark.parametrize("chunked", [False, True])
def test_pipelined_requests_wait_while_the_client_does_not_read(front, stub, chunked):
    replica = stub(lambda asked, connection: ok(LARGE))
    front.route(service(revision(1, replica)))
    one = request_bytes(b"", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n" if chunked else request_bytes()
    with unread(front) as connection:
        threading.Thread(target=connection.sendall, args=(one * 300,), daemon=True).start()
        front.until(replica.scored)
        assert settled(lambda: len(replica.scored())) < 150  # of 30 MB, the buffers of sockets hold some
        assert [(status, body) for status, _, body in read_answers(connection, 300)] == [(200, LARGE)] * 300
    assert len(replica.scored()) == 300


def test_requests_behind_a_chunked_body_are_answered_however_they_are_cut(front, stub):
    front.route(service(revision(1, stub(lambda asked, connection: ok(asked.body)))))
    body = b"4\r\na\r\n\r\r\n5\r\n\n\r\n\r\n\r\n0\r\n\r\n"
    sent = (request_bytes(b"", "Transfer-Encoding: chunked") + body + request_bytes(b"plain")) * 2
    expected = [(200, b"a\r\n\r\n\r\n\r\n"), (200, b"plain")] * 2
    for size in (1, 2, 3, 5, 7, 1000):
        with front.connect() as connection:
            for at in range(0, len(sent), size):
                connection.sendall(sent[at : at + size])
                time.sleep(0.0005)
            assert [(status, body) for status, _, body in read_answers(connection, 4)] == expected, size


def test_a_client_that_has_sent_all_and_reads_late_gets_every_answer(front, stub):
    front.route(service(revision(1, stub(lambda asked, connection: ok(LARGE)))))
    with unread(front) as connection:
        connection.sendall(request_bytes() * 100)
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.5)
        assert [status for status, _, _ in read_answers(connection, 100)] == [200] * 100


def test_a_replica_answers_others_after_a_client_that_did_not_read(front, stub):
    def behave(asked, connection):
        return ok(LARGE * 20 if asked.body == b"large" else b"small")

    replica = stub(behave)
    front.route(service(revision(1, replica), scoring_timeout_seconds=5))
    for missing in range(100_000, 900_000, 100_000):  # the replica has sent all, and the client stops there
        with unread(front) as connection:
            connection.sendall(request_bytes(b"large"))
            connection.makefile("rb").read(2_000_000 - missing)
            assert front.score(b"x").content == b"small", missing


def test_with_a_limit_a_client_that_does_not_finish_its_body_keeps_nobody_waiting(front, stub):
    replica = stub()
    front.route(service(revision(1, replica), concurrency=1, queue_wait_seconds=0.2))
    slow = [front.connect() for _ in range(4)]
    for number, one in enumerate(slow):
        headers = ["Transfer-Encoding: chunked"] if number % 2 else ["Content-Length: 100"]
        one.sendall(request_bytes(b"", *headers) + (b"2\r\nab\r\n" if number % 2 else b"ab"))
    time.sleep(0.2)
    assert [front.score().status_code for _ in range(5)] == [200] * 5
    for number, one in enumerate(slow):
        one.sendall(b"0\r\n\r\n" if number % 2 else b"c" * 98)
        assert read_answers(one)[0][0] == 200
        one.close()
    assert [one.body for one in replica.scored()[5:]] == [b"ab" + b"c" * 98, b"ab"] * 2


def test_with_a_limit_a_large_body_is_passed_on_all_the_same(front, stub):
    replica = stub(lambda asked, connection: ok(b"%d" % len(asked.body)))
    front.route(service(revision(1, replica), concurrency=1))
    assert front.score(b"x" * 3_000_000).content == b"3000000"


def test_with_a_limit_a_client_that_does_not_read_its_answer_keeps_nobody_waiting(front, stub):
    front.route(service(revision(1, stub(lambda asked, connection: ok(LARGE * 2))), concurrency=1,
                        queue_wait_seconds=0.2))  # fmt: skip
    with unread(front) as connection:
        connection.sendall(request_bytes())
        time.sleep(0.2)
        assert [front.score().status_code for _ in range(5)] == [200] * 5
        assert read_answers(connection)[0][0] == 200


def test_clients_that_left_and_answers_that_were_cut_off_are_counted(told, studio, stub):
    held = threading.Event()

    def behave(asked, connection):
        if asked.body == b"half":
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")
            return None
        return held.wait(20) and ok()

    replica = stub(behave)
    told.start(service(revision(1, replica), max_body_bytes=1000))
    with told.connect() as connection:
        connection.sendall(request_bytes(b"half"))
        while connection.recv(1000):
            pass
    with told.connect() as connection:
        connection.sendall(request_bytes(b"left"))
        told.until(lambda: len(replica.scored()) == 2)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with told.connect() as connection:
        connection.sendall(request_bytes(b"", "Transfer-Encoding: chunked") + b"7d0\r\n" + b"x" * 2000)
        assert read_answers(connection)[0][0] == 413
    told.until(lambda: sum(counted(studio, "codes", 1).values()) == 3)
    held.set()
    assert counted(studio, "codes", 1) == {"502": 1, "499": 1, "413": 1}
