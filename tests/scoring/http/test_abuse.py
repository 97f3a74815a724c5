"""Misbehaving clients: memory stays bounded, good clients are served, every refusal has the right code."""

import json
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress

import httpx
import psutil
import pytest

from tests.scoring.conftest import KEY, double_model, read_answers, request_bytes

MEGABYTE = 1024 * 1024
LIMIT = 40  # connections in one process
SCRIPT = """
import os, sys, time

kept = []

def init():
    pass

def run(data):
    if data == "raise":
        raise ValueError("on purpose")
    if data == "exit":
        os._exit(3)
    if data == "hang":
        time.sleep(600)
    if data == "leak":
        kept.append(bytearray(os.urandom(1) * (60 * 1024 * 1024)))
    if data == "slow":
        time.sleep(0.05)
    return data
"""


@pytest.fixture
def script(replica):
    return replica.with_script(SCRIPT).start(
        processes=2,
        memory_bytes=500 * MEGABYTE,
        scoring_timeout_seconds=1.0,
        queue_limit=8,
        queue_wait_seconds=2.0,
        connections_limit=LIMIT,
        max_body_bytes=MEGABYTE,
    )


@pytest.fixture
def model(replica):
    return replica.with_models(double=double_model).start(
        processes=2, connections_limit=LIMIT, max_body_bytes=MEGABYTE, memory_bytes=700 * MEGABYTE
    )


class GoodClient:
    """Sends a valid request again and again, and records every wrong response."""

    def __init__(self, server, body, right) -> None:
        self._server, self._body, self._right = server, body, right
        self.answers, self.wrong, self.dropped = 0, [], 0
        self._stop = threading.Event()
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        client = self._client()
        while not self._stop.is_set():
            try:
                answer = client.post("/score", content=self._body)
            except httpx.TransportError:  # its process ended: a client retries on a new connection
                self.dropped += 1
                client = self._client()
                continue
            self.answers += 1
            self._answered.set()
            if answer.status_code != 200 or answer.json() != self._right:
                self.wrong.append((answer.status_code, answer.text[:200]))
            time.sleep(0.01)

    def _client(self) -> httpx.Client:
        address = f"http://127.0.0.1:{self._server.port}"
        return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {KEY}"}, timeout=20, trust_env=False)

    def __enter__(self) -> "GoodClient":
        self._thread.start()
        assert self._answered.wait(20)  # it has a connection before others take them all
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()


@contextmanager
def good_clients(server, body, right, count=3):
    """Run good clients meanwhile; in the end all of them must have got right responses only."""
    with ExitStack() as stack:
        clients = [stack.enter_context(GoodClient(server, body, right)) for _ in range(count)]
        yield clients
    assert all(client.answers > 10 for client in clients)
    assert [client.wrong for client in clients] == [[]] * count


def memory_of(server) -> int:
    """Bytes of all its processes, shared pages counted once."""
    total = 0
    for process in [psutil.Process(server.process.pid), *server.workers()]:
        with suppress(psutil.Error):  # it has just ended
            total += process.memory_full_info().pss
    return total


DOUBLE = json.dumps({"data": [[1, 2, 3, 4]]}), {"data": [[2, 4, 6, 8]]}


def test_slow_clients_are_evicted_for_active_ones(model):
    with good_clients(model, *DOUBLE) as clients:
        lines = []
        for _ in range(6 * LIMIT):  # three times what both processes take
            line = model.connect()
            line.sendall(b"POST /score HTTP/1.1\r\nHost: test\r\nContent-")
            lines.append(line)
            if len(lines) % LIMIT == 0:
                time.sleep(0.8)
                for open_one in lines:
                    with suppress(OSError):  # evicted already
                        open_one.sendall(b"x")
        open_now = sum(len(worker.net_connections("tcp")) for worker in model.workers())
        for line in lines:
            line.close()

    assert open_now <= 2 * 2 * LIMIT + 10  # as many again may be reading their refusal
    assert all(client.dropped == 0 for client in clients)


def test_connections_far_beyond_the_limit_leave_good_clients_served(model):
    flood = ConnectionFlood(model)
    with good_clients(model, *DOUBLE) as clients:
        threads = [threading.Thread(target=flood.open_many) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    flood.close()

    assert flood.seen[200] > 80
    assert set(flood.seen) <= {200, 503, "closed"}, flood.seen
    assert all(client.dropped == 0 for client in clients)


class ConnectionFlood:
    """Many connections, each with one request; half of them are kept open afterwards."""

    def __init__(self, server) -> None:
        self.seen: Counter = Counter()
        self._server = server
        self._kept: list[socket.socket] = []

    def open_many(self) -> None:
        for _ in range(20):
            lines = [self._server.connect() for _ in range(10)]
            self.seen.update([self._ask(line) for line in lines])
            time.sleep(0.05)
            for line in lines[::2]:
                line.close()
            self._kept.extend(lines[1::2])

    def _ask(self, line: socket.socket) -> int | str:
        try:
            line.sendall(request_bytes(DOUBLE[0].encode()))
            return read_answers(line)[0][0]
        except (OSError, IndexError):
            return "closed"  # evicted for others

    def close(self) -> None:
        for line in self._kept:
            line.close()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"x" * (MEGABYTE + 1), 413, "too_large"),
        (b"[" * 500_000, 400, "bad_input"),
        (b'{"data":' + b"[" * 200_000 + b"1" + b"]" * 200_000 + b"}", 400, "bad_input"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, "bad_input"),
        (b'{"data": [[NaN, 1, 2, 3]]}', 400, "not_json"),
        (b'{"data": [[Infinity, 1, 2, 3]]}', 400, "not_json"),
        (b'{"data": [[1e400, 1, 2, 3]]}', 400, "bad_input"),
        (b'{"data": [["1", 2, 3, 4]]}', 400, "bad_input"),
        (b'{"data": [[true, 2, 3, 4]]}', 400, "bad_input"),
        (b'{"data": {"x": 1}}', 400, "bad_input"),
        (b'{"inputs": [{"name": "x", "shape": [9000000000, 4], "datatype": "FP32", "data": [1]}]}', 400, "bad_input"),
        (b'{"inputs": [{"name": "x", "shape": [-1, 4], "datatype": "FP32", "data": [1]}]}', 400, "bad_input"),
        (b"\xff\xfe\x00", 400, "not_json"),
        (b"", 400, "not_json"),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else None,
)
def test_bad_body_gets_its_error_code(shared_model, body, status, code):
    answers = [shared_model.score(body) for _ in range(10)]

    assert {answer.status_code for answer in answers} == {status}
    assert {answer.json()["code"] for answer in answers} == {code}
    assert shared_model.score(DOUBLE[0]).json() == DOUBLE[1]


@pytest.fixture(scope="module")
def shared_model(shared_replica):
    return shared_replica.with_models(double=double_model).start(processes=2, max_body_bytes=MEGABYTE)


def test_hundreds_of_bad_bodies_leak_no_memory(shared_model):
    bodies = [b"[" * 400_000, b"x" * (MEGABYTE - 10), json.dumps({"data": [[1.5] * 4] * 20_000}).encode()]
    for body in bodies * 5:
        shared_model.score(body)
    before = memory_of(shared_model)

    for body in bodies * 60:
        shared_model.score(body)

    assert memory_of(shared_model) < before + 60 * MEGABYTE


def test_raising_script_leaves_other_requests_answered(script):
    with good_clients(script, "good", "good") as clients:
        failures = [script.score("raise") for _ in range(300)]

    assert {(answer.status_code, answer.json()["code"]) for answer in failures} == {(500, "script_failed")}
    assert all(client.dropped == 0 for client in clients)


def test_worker_that_its_script_ends_is_replaced(script):
    with good_clients(script, "good", "good"):
        for _ in range(3):
            with pytest.raises(httpx.TransportError):
                script.score("exit")
            script.until(lambda: len(script.workers()) == 2)
            time.sleep(0.7)

    assert script.status()["state"] == "ready"
    assert script.status()["restarts"] >= 3


def test_leaking_script_stays_within_memory_limit(script):
    most = 0
    with good_clients(script, "good", "good"):
        for _ in range(25):
            try:
                script.score("leak")
            except httpx.TransportError:
                time.sleep(0.5)  # ended for its size
            most = max(most, memory_of(script))

    assert most < 650 * MEGABYTE
    assert script.status()["restarts"] >= 1
    assert "the service may use 500 MiB" in script.log()


def test_queue_full_is_503_for_the_excess_only(script):
    clients = [script.connect() for _ in range(50)]
    for client in clients:
        client.sendall(request_bytes(b"slow"))
    answers = [read_answers(client)[0] for client in clients]

    assert all(headers["retry-after"] == "1" for status, headers, _ in answers if status == 503)
    seen = Counter(status for status, *_ in answers)
    assert set(seen) == {200, 503}
    assert seen[200] >= 16


def test_disconnected_clients_free_their_queue_slots(replica):
    script = "import time\n\ndef init():\n    pass\n\ndef run(data):\n    time.sleep(0.3)\n    return data\n"
    replica.with_script(script).start(processes=1, queue_limit=4)
    for _ in range(6):
        for _ in range(5):  # fill the queue, and disconnect
            line = replica.connect()
            line.sendall(request_bytes(b"left"))
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            time.sleep(0.01)
            line.close()
        assert replica.score("stayed").json() == "stayed"
