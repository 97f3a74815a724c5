"""Replicas of a service that take turns at its address."""

import signal
import socket
from contextlib import closing

import pytest

from tests.scoring.conftest import read_answers, request_bytes
from tests.scoring.process.shared_address import SharedAddress, ask, leave, private, serve


def test_replica_answers_privately_but_not_at_the_address_until_it_is_told_to_serve(address):
    replica = address.saying("first").start(processes=2)
    assert private(replica).json() == "first"
    with socket.create_connection(("127.0.0.1", address.port), timeout=20) as connection:
        connection.sendall(request_bytes(b"1"))
        connection.settimeout(1.5)  # longer than the replica takes to look at the file
        with pytest.raises(TimeoutError):
            connection.recv(1)
        serve(replica)
        connection.settimeout(20)
        assert read_answers(connection)[0][2] == b'"first"'


def test_next_replica_takes_the_address_and_kept_connections_are_closed(address):
    first, second = address.saying("first").start(), address.saying("second").start()
    serve(first)
    kept = socket.create_connection(("127.0.0.1", address.port), timeout=20)
    kept.sendall(request_bytes(b"1"))
    assert "connection" not in read_answers(kept)[0][1]
    serve(second)
    leave(first, drained=False)
    assert first.status()["connections"] == 1
    assert {ask(address) for _ in range(8)} == {"second"}
    kept.sendall(request_bytes(b"1"))
    ((_, headers, body),) = read_answers(kept)
    assert (headers["connection"], body) == ("close", b'"first"')
    assert kept.recv(1) == b""
    first.until(lambda: not first.status().get("connections"))
    assert private(first).json() == "first"


def test_address_moves_although_the_path_exceeds_the_length_limit_of_unix_sockets(tmp_path):
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    with closing(SharedAddress(folder)) as address:
        first, second = address.saying("first").start(), address.saying("second").start()
        serve(first)
        assert ask(address) == "first"
        serve(second)
        leave(first)
        assert first.stop() == 0
        assert ask(address) == "second"


def test_requests_in_flight_finish_after_the_address_has_moved(address):
    first, second = address.waiting().start(), address.saying("second").start()
    serve(first)
    with socket.create_connection(("127.0.0.1", address.port), timeout=20) as connection:
        connection.sendall(request_bytes(b"1"))
        address.wait_for_request()
        serve(second)
        leave(first, drained=False)
        assert first.status()["connections"] == 1
        address.end_request()
        ((status, headers, body),) = read_answers(connection)
    assert (status, headers["connection"], body) == (200, "close", b'"waited"')


def test_next_replica_serves_on_when_the_previous_one_is_killed_after_the_handover(address):
    first, second = address.saying("first").start(), address.saying("second").start()
    serve(first)
    serve(second)
    waiting = [socket.create_connection(("127.0.0.1", address.port), timeout=20) for _ in range(20)]
    first.process.kill()
    first.process.wait()
    for connection in waiting:
        connection.close()
    assert {ask(address) for _ in range(8)} == {"second"}
    third = address.saying("third").start()
    serve(third)
    leave(second)
    assert ask(address) == "third"


def test_next_replica_starts_although_the_previous_one_is_killed_meanwhile(address):
    first = address.saying("first").start()
    serve(first)
    second = address.saying("second").launch()
    first.process.kill()
    first.process.wait()
    second.wait_for("ready")
    serve(second)
    assert ask(address) == "second"


def test_address_stays_with_the_previous_replica_when_the_next_one_dies_at_once(address):
    first = address.saying("first").start()
    serve(first)
    broken = address.replica().with_script("def init():\n    raise ValueError\ndef run(data):\n    pass\n")
    assert broken.fail_to_start()["reason"] == "init_failed"
    killed = address.saying("killed").start()
    serve(killed)
    killed.process.kill()
    killed.process.wait()
    assert {ask(address) for _ in range(8)} == {"first"}


def test_connections_in_the_queue_survive_the_replica_that_bound_the_address(address):
    first, second = address.saying("first").start(), address.saying("second").start()
    queued = socket.create_connection(("127.0.0.1", address.port), timeout=20)
    queued.sendall(request_bytes(b"1"))
    first.process.kill()
    first.process.wait()
    serve(second)
    assert read_answers(queued)[0][2] == b'"second"'
    queued.close()


def test_restarted_replica_serves_again(address):
    replica = address.saying("first").start()
    serve(replica)
    replica.process.kill()
    replica.process.wait()
    (replica.folder / "status.json").unlink()
    replica.start()
    replica.until(lambda: replica.status().get("serving"))
    assert ask(address) == "first"


def test_replaced_worker_serves_at_the_address_again(address):
    replica = address.saying("first").start()
    serve(replica)
    replica.workers()[0].kill()
    replica.until(lambda: replica.status().get("restarts") == 1)
    assert ask(address) == "first"
    replica.until(lambda: replica.status().get("serving"))
    assert private(replica).json() == "first"


def test_stopped_replica_answers_what_it_has_accepted_at_the_address(address):
    replica = address.waiting().start()
    serve(replica)
    with socket.create_connection(("127.0.0.1", address.port), timeout=20) as connection:
        connection.sendall(request_bytes(b"1"))
        address.wait_for_request()
        replica.process.send_signal(signal.SIGTERM)
        replica.until(lambda: replica.status()["state"] == "stopping")
        address.end_request()
        assert read_answers(connection)[0][2] == b'"waited"'
    assert replica.process.wait(15) == 0
