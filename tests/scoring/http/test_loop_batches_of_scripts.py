"""Simultaneous calls of an entry script are each answered, whatever becomes of the others."""

import gzip
import json
import re

import pytest

from tests.scoring.conftest import read_answers, request_bytes
from tests.scoring.http.simultaneous import lines_to, metrics, stopped

SCRIPT = """
import json, threading

def init():
    pass

def run(data):
    asked = json.loads(data)
    if asked["how"] == "raise":
        raise ValueError(f"on purpose {asked['n']}")
    if asked["how"] == "exit":
        raise SystemExit(3)
    if asked["how"] == "stream":
        return parts(asked["n"])
    return {"n": asked["n"], "thread": threading.current_thread().name}

def parts(n):
    for part in range(3):
        yield {"n": n, "part": part}
"""
WAITING = """
import asyncio, json

def init():
    pass

async def run(data):
    asked = json.loads(data)
    await asyncio.sleep(0.01)
    if asked["how"] == "raise":
        raise ValueError(f"on purpose {asked['n']}")
    if asked["how"] == "stream":
        return parts(asked["n"])
    return {"n": asked["n"]}

async def parts(n):
    for part in range(3):
        yield {"n": n, "part": part}
"""
ALONE = """
import json, threading, time

def init():
    global lock
    lock = threading.Lock()

def run(data):
    if not lock.acquire(blocking=False):
        raise RuntimeError("it runs already")
    time.sleep(json.loads(data).get("seconds", 0))
    lock.release()
    return threading.current_thread().name
"""
HOWS = ["plain", "raise", "stream", "plain", "exit", "plain"]


def ask_script(replica, hows):
    """Status, id and body of every answer; all are sent at the same moment, and read to their end."""
    with lines_to(replica, len(hows)) as lines:
        with stopped(replica):
            for n, (line, how) in enumerate(zip(lines, hows, strict=True)):
                content = json.dumps({"n": n, "how": how}).encode()
                line.sendall(request_bytes(content, "/score", f"X-Request-Id: id-{n}", "Connection: close"))
        return [whole_answer(line) for line in lines]


def whole_answer(line):
    with line.makefile("rb") as file:
        head, _, content = file.read().decode().partition("\r\n\r\n")
    return int(head.split()[1]), re.search("x-request-id: (.*)", head)[1].strip(), content


def check_script_answers(answers, hows):
    for n, ((status, told, content), how) in enumerate(zip(answers, hows, strict=True)):
        assert told == f"id-{n}"
        if how == "stream":
            parts = [json.loads(part) for part in re.findall("data: (.*)", content)]
            assert (status, parts) == (200, [{"n": n, "part": part} for part in range(3)])
        elif how == "plain":
            assert (status, json.loads(content)["n"]) == (200, n)
        else:
            assert status == 500
            assert f"on purpose {n}" in content or how == "exit"


@pytest.mark.parametrize("options", [{}, {"access_log": True}], ids=["counted in one go", "looked at one by one"])
def test_simultaneous_script_calls_raise_stream_and_return_independently(replica, options):
    replica.with_script(SCRIPT).start(processes=1, **options)
    while json.loads(replica.score({"n": 0, "how": "plain"}).text)["thread"] != "MainThread":
        pass  # until it is known to be quick
    before = scripts_counted(replica)

    answers = ask_script(replica, HOWS * 4)

    check_script_answers(answers, HOWS * 4)
    on_loop = [json.loads(content)["thread"] for _, _, content in answers[::6]]
    assert on_loop == ["MainThread"] * 4
    after = scripts_counted(replica)
    grown = {code: after[code] - before.get(code, 0) for code in after}
    assert grown == {"200": 16, "500": 8}
    assert all(worker.is_running() for worker in replica.workers())


def test_script_is_never_run_twice_at_a_time(replica):
    replica.with_script(ALONE).start(processes=1)
    while replica.score({}).json() != "MainThread":
        pass  # until it is known to be quick
    unpacked_in_a_thread = request_bytes(gzip.compress(b'{"seconds": 0.2}'), "/score", "Content-Encoding: gzip")
    with lines_to(replica, 2) as (pipelining, other):
        with stopped(replica):
            pipelining.sendall(request_bytes(b"{}") + request_bytes(b'{"seconds": 0.2}'))
            other.sendall(unpacked_in_a_thread)
        answers = [*read_answers(pipelining, 2), *read_answers(other)]
    assert [status for status, _, _ in answers] == [200] * 3, replica.log()


def scripts_counted(replica):
    found = (re.fullmatch(r'slipway_requests_total{code="(.*)",key="primary"}', name) for name in metrics(replica))
    return {one[1]: metrics(replica)[one[0]] for one in found if one}


def test_simultaneous_calls_of_a_slow_script_are_answered(replica):
    replica.with_script(SCRIPT).start(processes=1)
    check_script_answers(ask_script(replica, HOWS * 2), HOWS * 2)


def test_simultaneous_calls_of_an_async_script_are_answered(replica):
    replica.with_script(WAITING).start(processes=1)
    hows = ["plain", "raise", "stream", "plain"] * 5
    check_script_answers(ask_script(replica, hows), hows)
