"""Replicas that take turns at the address of their service."""

import json
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.scoring.conftest import KEY, Replica, free_port, read_answers, request_bytes

WAITING = """
import pathlib, time

def init():
    pass

def run(data):
    pathlib.Path("{folder}/begun").touch()
    while not pathlib.Path("{folder}/may-end").exists():
        time.sleep(0.01)
    return "waited"
"""
SHARED_BY = "def init():\n    pass\ndef run(data):\n    return '{}'\n"


class Turns:
    """A service: replicas with one address and one unix socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.replicas: list[Replica] = []

    def replica(self) -> Replica:
        number = len(self.replicas)
        made = Replica(self.folder / f"instance-{number}")
        made.port = self.port
        made.client.base_url = f"http://127.0.0.1:{self.port}"
        made.settings |= {
            "port": self.port,
            "revision": number,
            "serve_on_request": True,
            "handover": str(self.folder / "handover.sock"),
        }
        self.replicas.append(made)
        return made

    def saying(self, word: str) -> Replica:
        """A replica that answers every request with a word of its own."""
        return self.replica().with_script(SHARED_BY.format(word))

    def waiting(self) -> Replica:
        """A replica that answers a request only once `end_request` has been called."""
        return self.replica().with_script(WAITING.format(folder=self.folder))

    def wait_for_request(self) -> None:
        """Until it works on one."""
        self.replicas[0].until((self.folder / "begun").exists)

    def end_request(self) -> None:
        (self.folder / "may-end").touch()

    def close(self) -> None:
        for one in self.replicas:
            one.close()


def serve(replica: Replica) -> None:
    """Let it take the address, and wait until it has."""
    (replica.folder / "serving").touch()
    replica.process.send_signal(signal.SIGHUP)
    replica.until(lambda: replica.status().get("serving"))


def leave(replica: Replica, *, drained: bool = True) -> None:
    """Let it leave the address, and wait until nobody is connected to it there."""
    (replica.folder / "serving").unlink()
    replica.process.send_signal(signal.SIGHUP)
    replica.until(lambda: not replica.status().get("serving"))
    if drained:
        replica.until(lambda: not replica.status().get("connections"))


def private(replica: Replica, path: str = "/score", body: str = "1") -> httpx.Response:
    endpoint = replica.status()["endpoints"]["http"]
    return httpx.post(endpoint + path, content=body, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False)


def ask(turns: Turns) -> str:
    """What a new connection to the address is answered."""
    with socket.create_connection(("127.0.0.1", turns.port), timeout=20) as connection:
        connection.sendall(request_bytes(b"1"))
        ((status, _, body),) = read_answers(connection)
    assert status == 200
    return json.loads(body)


@pytest.fixture
def turns(tmp_path):
    made = Turns(tmp_path)
    yield made
    made.close()


def test_replica_answers_privately_but_not_at_the_address_until_it_is_told_to_serve(turns):
    replica = turns.saying("first").start(processes=2)
    assert private(replica).json() == "first"
    with socket.create_connection(("127.0.0.1", turns.port), timeout=20) as connection:
        connection.sendall(request_bytes(b"1"))
        connection.settimeout(1.5)  # longer than the replica takes to look at the file
        with pytest.raises(TimeoutError):
            connection.recv(1)
        serve(replica)
        connection.settimeout(20)
        assert read_answers(connection)[0][2] == b'"first"'


def test_next_replica_takes_the_address_and_kept_connections_are_told_to_close(turns):
    first, second = turns.saying("first").start(), turns.saying("second").start()
    serve(first)
    kept = socket.create_connection(("127.0.0.1", turns.port), timeout=20)
    kept.sendall(request_bytes(b"1"))
    assert "connection" not in read_answers(kept)[0][1]
    serve(second)
    leave(first, drained=False)
    assert first.status()["connections"] == 1
    assert {ask(turns) for _ in range(8)} == {"second"}
    kept.sendall(request_bytes(b"1"))
    ((_, headers, body),) = read_answers(kept)
    assert (headers["connection"], body) == ("close", b'"first"')
    assert kept.recv(1) == b""
    first.until(lambda: not first.status().get("connections"))
    assert private(first).json() == "first"


def test_requests_in_flight_finish_after_the_address_has_moved(turns):
    first, second = turns.waiting().start(), turns.saying("second").start()
    serve(first)
    with socket.create_connection(("127.0.0.1", turns.port), timeout=20) as connection:
        connection.sendall(request_bytes(b"1"))
        turns.wait_for_request()
        serve(second)
        leave(first, drained=False)
        assert first.status()["connections"] == 1
        turns.end_request()
        ((status, headers, body),) = read_answers(connection)
    assert (status, headers["connection"], body) == (200, "close", b'"waited"')


def test_next_replica_serves_on_when_the_previous_one_is_killed_after_the_handover(turns):
    first, second = turns.saying("first").start(), turns.saying("second").start()
    serve(first)
    serve(second)
    waiting = [socket.create_connection(("127.0.0.1", turns.port), timeout=20) for _ in range(20)]
    first.process.kill()
    first.process.wait()
    for connection in waiting:
        connection.close()
    assert {ask(turns) for _ in range(8)} == {"second"}
    third = turns.saying("third").start()
    serve(third)
    leave(second)
    assert ask(turns) == "third"


def test_address_stays_with_the_previous_replica_when_the_next_one_dies_at_once(turns):
    first = turns.saying("first").start()
    serve(first)
    broken = turns.replica().with_script("def init():\n    raise ValueError\ndef run(data):\n    pass\n")
    assert broken.fail_to_start()["reason"] == "init_failed"
    killed = turns.saying("killed").start()
    serve(killed)
    killed.process.kill()
    killed.process.wait()
    assert {ask(turns) for _ in range(8)} == {"first"}


def test_connections_in_the_queue_survive_the_replica_that_bound_the_address(turns):
    first, second = turns.saying("first").start(), turns.saying("second").start()
    queued = socket.create_connection(("127.0.0.1", turns.port), timeout=20)
    queued.sendall(request_bytes(b"1"))
    first.process.kill()
    first.process.wait()
    serve(second)
    assert read_answers(queued)[0][2] == b'"second"'
    queued.close()


def test_restarted_replica_serves_again_without_being_told(turns):
    replica = turns.saying("first").start()
    serve(replica)
    replica.process.kill()
    replica.process.wait()
    (replica.folder / "status.json").unlink()
    replica.start()
    replica.until(lambda: replica.status().get("serving"))
    assert ask(turns) == "first"


def test_replaced_worker_serves_at_the_address_again(turns):
    replica = turns.saying("first").start()
    serve(replica)
    replica.workers()[0].kill()
    replica.until(lambda: replica.status().get("restarts") == 1)
    assert ask(turns) == "first"
    replica.until(lambda: replica.status().get("serving"))
    assert private(replica).json() == "first"


def test_stopped_replica_answers_what_it_has_accepted_at_the_address(turns):
    replica = turns.waiting().start()
    serve(replica)
    with socket.create_connection(("127.0.0.1", turns.port), timeout=20) as connection:
        connection.sendall(request_bytes(b"1"))
        turns.wait_for_request()
        replica.process.send_signal(signal.SIGTERM)
        replica.until(lambda: replica.status()["state"] == "stopping")
        turns.end_request()
        assert read_answers(connection)[0][2] == b'"waited"'
    assert replica.process.wait(15) == 0
