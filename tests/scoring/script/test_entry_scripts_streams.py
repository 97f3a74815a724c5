"""Scripts that stream: server-sent events, slow clients, disconnects, failures in the middle."""

import json
import re
import socket
import threading
import time

import httpx
import pytest

from tests.scoring.conftest import KEY, read_answers, request_bytes
from tests.scoring.http.simultaneous import RESET

SCRIPT = """
import asyncio, json, os, time

def init():
    pass

def run(data):
    asked = json.loads(data)
    return globals()[asked.pop("how")](**asked)

def count(n, seconds=0):
    try:
        for i in range(n):
            time.sleep(seconds)
            yield {"i": i}
    finally:
        print("closed after", i)

def plain():
    return {"plain": True}

def pause(seconds):
    time.sleep(seconds)
    return seconds

def texts():
    yield "one\\ntwo"
    yield b"id: 7\\ndata: raw\\n\\n"
    yield "event: tick\\ndata: ready\\n\\n"
    yield None
    yield [1, None, "x"]

def nothing():
    return
    yield

def early():
    raise ValueError("too early")
    yield 1

def broken(n):
    yield from range(n)
    raise KeyError("in the middle")

def odd():
    yield 1
    yield object()

def hang():
    yield 1
    time.sleep(5)

def later(seconds):
    time.sleep(seconds)
    return count(10_000, 0.001)

def big(n):
    for i in range(n):
        print("made", i)
        yield b"x" * 200_000

async def asynchronous(n):
    try:
        for i in range(n):
            await asyncio.sleep(0.01)
            yield i
    finally:
        print("asynchronous end")

def gone():
    yield 1
    os._exit(3)
"""

MEETING = """
import asyncio

met = asyncio.Event()
here = []

async def init():
    pass

async def run(data):
    here.append(data)
    if len(here) == 2:
        met.set()
    await met.wait()
    return data
"""


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_script(SCRIPT).start(scoring_timeout_seconds=1.5)


def ask(server, how, **more):
    return server.score({"how": how, **more})


def events(answer):
    return [json.loads(block.removeprefix("data: ")) for block in answer.text.strip().split("\n\n")]


def receive(server, received, **asked):
    with server.client.stream("POST", "/score", json=asked) as answer:
        for part in answer.iter_raw():
            received.append(part)


def test_generator_is_sent_as_server_sent_events(server):
    answer = ask(server, "count", n=3)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.headers["cache-control"] == "no-cache"
    assert "x-request-id" in answer.headers
    assert events(answer) == [{"i": 0}, {"i": 1}, {"i": 2}]
    assert ask(server, "plain").json() == {"plain": True}


def test_stream_parts_are_sent_as_they_are_made(server):
    arrived = []
    with server.client.stream("POST", "/score", json={"how": "count", "n": 3, "seconds": 0.2}) as answer:
        for line in answer.iter_lines():
            if line:
                arrived.append(time.monotonic())
    assert arrived[2] - arrived[0] > 0.3


def test_text_bytes_and_values_each_become_an_event(server):
    told = ask(server, "texts").text
    assert told == (
        "data: one\ndata: two\n\nid: 7\ndata: raw\n\nevent: tick\ndata: ready\n\n:\n\ndata: [1,null,\"x\"]\n\n"
    )  # fmt: skip


def test_async_generator_is_sent_as_server_sent_events(server):
    assert events(ask(server, "asynchronous", n=3)) == [0, 1, 2]


def test_empty_generator_is_an_empty_response(server):
    answer = ask(server, "nothing")
    assert (answer.status_code, answer.content) == (200, b"")


def test_error_before_the_first_event_is_answered_500(server):
    answer = ask(server, "early")
    assert (answer.status_code, answer.json()["code"]) == (500, "script_failed")
    assert "too early" in answer.json()["message"]
    assert answer.headers["x-ms-run-function-failed"] == "True"


@pytest.mark.parametrize(("how", "more", "words"), [
    ("broken", {"n": 2}, ["data: 1", "event: error", "script_failed", "in the middle"]),
    ("odd", {}, ["data: 1", "event: error", "not_serialisable"]),
    ("hang", {}, ["data: 1", "event: error", "scoring_timeout", "1.5 s"]),
])  # fmt: skip
def test_error_in_a_stream_is_reported_and_aborts_the_response(server, how, more, words):
    received = []
    with pytest.raises(httpx.RemoteProtocolError):
        receive(server, received, how=how, **more)
    assert [word for word in words if word not in b"".join(received).decode()] == []
    assert ask(server, "plain").status_code == 200


def test_slow_stream_does_not_delay_other_requests(server):
    with server.client.stream("POST", "/score", json={"how": "count", "n": 5, "seconds": 0.4}) as answer:
        lines = answer.iter_lines()
        next(lines)
        began = time.monotonic()
        with httpx.Client(headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as other:
            for _ in range(5):
                got = other.post(f"http://127.0.0.1:{server.port}/score", json={"how": "plain"})
                assert got.json() == {"plain": True}
        assert time.monotonic() - began < 1.2  # the stream takes 1.6 s more
        assert [line for line in lines if line][-1] == 'data: {"i":4}'


def test_many_streams_run_concurrently(server):
    answers = []
    asking = [threading.Thread(target=lambda: answers.append(ask(server, "count", n=2, seconds=0.3))) for _ in range(8)]
    began = time.monotonic()
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert [events(answer)[-1] for answer in answers] == [{"i": 1}] * 8
    assert time.monotonic() - began < 8 * 0.6


def test_disconnect_closes_the_generator(server):
    with server.connect() as connection:
        connection.sendall(request_bytes(json.dumps({"how": "count", "n": 10_000, "seconds": 0.05}).encode()))
        connection.recv(1000)
    server.until(lambda: "closed after" in server.log().rpartition("10000")[2])
    assert ask(server, "plain").status_code == 200


def test_mass_disconnect_ends_no_process(replica):
    replica.with_script(SCRIPT).start()
    (worker,) = replica.workers()
    body = json.dumps({"how": "count", "n": 50, "seconds": 1}).encode()
    lines = [replica.connect() for _ in range(12)]
    for line in lines:
        line.sendall(request_bytes(body))
    for line in lines:
        line.recv(1000)
        line.close()
    replica.until(lambda: replica.log().count("closed after") == len(lines))
    assert "stuck" not in replica.log()
    assert replica.workers() == [worker]


def test_stream_of_a_disconnected_client_is_not_started(replica):
    replica.with_script(SCRIPT).start(processes=1)
    with replica.connect() as connection:
        connection.sendall(request_bytes(b'{"how": "later", "seconds": 0.5}'))
        time.sleep(0.2)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    replica.until(lambda: 'code="499"' in replica.client.get("/metrics").text)
    time.sleep(0.3)
    assert "closed after" not in replica.log()
    assert ask(replica, "plain").status_code == 200


def test_slow_reader_pauses_the_generator(server):
    with server.connect() as connection:
        connection.sendall(request_bytes(b'{"how": "big", "n": 400}'))
        server.until(lambda: "made 1" in server.log())
        made = -1
        while made != (made := server.log().count("] made")):
            time.sleep(0.4)
        assert 0 < made < 100  # of 400: what fits into the buffers between the two
        received = 0
        while received < 400 * 200_000:
            received += len(connection.recv(1_000_000))
    server.until(lambda: "made 399" in server.log())


def test_pipelined_requests_are_answered_after_the_stream(server):
    with server.connect() as connection:
        connection.sendall(
            request_bytes(b'{"how": "count", "n": 2, "seconds": 0.1}') + request_bytes(b'{"how": "plain"}')
        )
        received = b""
        while b'{"plain":true}' not in received:
            received += connection.recv(10_000)
    assert received.index(b'{"i":1}') < received.index(b"0\r\n\r\n") < received.index(b'{"plain":true}')


def test_http_1_0_client_gets_a_stream_without_chunks(server):
    body = b'{"how": "count", "n": 2}'
    with server.connect() as connection:
        connection.sendall(request_bytes(body).replace(b"HTTP/1.1", b"HTTP/1.0"))
        received = b""
        while part := connection.recv(10_000):
            received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert rest == b'data: {"i":0}\n\ndata: {"i":1}\n\n'


def test_shutdown_waits_for_a_stream(replica):
    replica.with_script(SCRIPT).start()
    with replica.connect() as connection:
        connection.sendall(request_bytes(b'{"how": "count", "n": 5, "seconds": 0.2}'))
        received = connection.recv(1000)
        assert replica.stop() == 0
        while part := connection.recv(1000):
            received += part
    assert received.endswith(b'data: {"i":4}\n\n\r\n0\r\n\r\n')


def test_streams_are_counted_by_how_they_ended(replica):
    replica.with_script(SCRIPT).start()
    ask(replica, "count", n=1)
    with pytest.raises(httpx.RemoteProtocolError):
        ask(replica, "broken", n=1)
    told = replica.client.get("/metrics").text
    counts = {code: re.search(rf'requests_total{{[^}}]*code="{code}"[^}}]*}} (\d+)', told)[1] for code in (200, 500)}
    assert counts == {200: "1", 500: "1"}


def test_process_that_dies_in_a_stream_is_replaced(replica):
    replica.with_script(SCRIPT).start()
    with pytest.raises(httpx.RemoteProtocolError):
        ask(replica, "gone")
    replica.until(lambda: replica.status().get("restarts") == 1 and replica.status()["state"] == "ready")
    replica.until(lambda: _answers(replica))


def _answers(replica):
    try:
        return ask(replica, "plain").status_code == 200
    except httpx.TransportError:
        return False


def test_async_runs_wait_concurrently(replica):
    replica.with_script(MEETING).start()
    with replica.connect() as one, replica.connect() as other:
        one.sendall(request_bytes(b"1"))
        other.sendall(request_bytes(b"2"))
        assert [read_answers(one)[0][2], read_answers(other)[0][2]] == [b'"1"', b'"2"']


def test_async_run_beyond_the_timeout_is_cancelled(replica):
    script = """
import asyncio
def init(): pass
async def run(data):
    try:
        await asyncio.sleep(60)
    finally:
        print("cancelled")
"""
    replica.with_script(script).start(scoring_timeout_seconds=0.5)
    assert replica.score("{}").status_code == 504
    replica.until(lambda: "cancelled" in replica.log())
