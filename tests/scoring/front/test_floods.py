"""Crowds of clients that mean no good: a service's other clients are answered all the same."""

import socket
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from scoring.http.connection_limit import evict
from tests.scoring.front.fronts import request_bytes, revision, service

HEALTHY = 100


class Client:
    """Evictable."""

    def __init__(self, *, started=0.0, last_active=0.0, is_fresh=False, is_active=False):
        self.started, self.last_active, self.is_fresh, self.is_active = started, last_active, is_fresh, is_active
        self.aborted = False

    def abort(self):
        self.aborted = True


def test_slow_clients_make_room_first_then_those_that_never_asked_then_the_idle():
    now = time.monotonic()
    clients = {
        "active": Client(is_active=True),
        "asked a moment ago": Client(last_active=now),
        "idle": Client(last_active=now - 100),
        "never asked": Client(last_active=now - 5, is_fresh=True),
        "never asked, longer": Client(last_active=now - 6, is_fresh=True),
        "slow": Client(started=now - 5),
        "begins to ask": Client(started=now),
    }
    order = []
    while evict([one for one in clients.values() if not one.aborted], 2 if not order else 1):
        order += [name for name, one in clients.items() if one.aborted and name not in order]
    assert order == ["never asked, longer", "slow", "never asked", "idle"]


def dawdle(front, enter, done):
    """Heads that never end, a byte at a time, from more connections than are allowed."""
    connections = []
    for _ in range(100):
        connections.append(enter(front.connect()))
        connections[-1].sendall(b"POST /default/iris/score HTTP/1.1\r\nHost: a\r\nX: ")
    while not done.wait(0.2):
        for one in connections:
            with suppress(OSError):
                one.sendall(b"x")


def say_nothing(front, enter, done):
    while not done.wait(0.005):
        with suppress(OSError):
            enter(front.connect())


def talk_garbage(front, enter, done):
    while not done.wait(0.001):
        with suppress(OSError), front.connect() as connection:
            connection.sendall(b"\x16\x03\x01 garbage\r\n\r\n" * 20)
            connection.shutdown(socket.SHUT_WR)
            enter(connection.dup())  # it never reads the refusal


def guess_keys(front, enter, done):
    while not done.wait(0.001):
        with suppress(OSError), front.connect() as connection:
            connection.sendall(request_bytes(b"x" * 1000, path="/default/other/score", key="guessed"))
            enter(connection.dup())


@pytest.mark.parametrize("attack", [dawdle, say_nothing, talk_garbage, guess_keys])
def test_a_crowd_of_bad_clients_harms_no_other(own_front, stub, attack):
    front = own_front(connections_limit=64)
    front.start(service(revision(1, stub())), service(revision(1, stub()), id=2, name="other"))
    done = threading.Event()
    with ExitStack() as stack:
        kept, crowded = front.connect(), []

        def enter(connection):
            crowded.append(stack.enter_context(connection))
            return connection

        crowd = [threading.Thread(target=attack, args=(front, enter, done)) for _ in range(2)]
        for one in crowd:
            one.start()
        front.until(lambda: len(crowded) > 80)
        answered = [ask(kept, number) for number in range(HEALTHY)]
        done.set()
        for one in crowd:
            one.join()
        kept.close()
    assert answered == [b"HTTP/1.1 200"] * HEALTHY
    assert front.score().status_code == 200


def ask(connection, number):
    """A client that keeps its connection and uses it now and then."""
    time.sleep(0.01)
    connection.sendall(request_bytes(b"%d" % number))
    return connection.recv(1000)[:12]
