"""A system that gives no more threads, and faults while an answer is made: every client is told, no place is lost."""

import asyncio
import json
import threading
from types import SimpleNamespace

import pytest

from scoring.core.errors import ScoringError
from scoring.http.streams import MOST_STREAMS
from scoring.queue.call import QueuedCall
from tests.scoring.batches import admission_of

SCRIPT = """
import json, sys, threading, time

start = threading.Thread.start

def init():
    pass

def run(data):
    asked = json.loads(data)
    threading.Thread.start = no_thread if asked.get("no_threads") else start
    if asked.get("no_answers"):
        replies = sys.modules["scoring.http.serializer"].Serializer
        answer, replies.answer = replies.answer, no_answer
        threading.Timer(0.5, setattr, [replies, "answer", answer]).start()
    if asked.get("long"):
        return "long " * 10_000
    return parts() if asked.get("stream") else "plain"

def parts():
    yield 1
    time.sleep(0.01)
    yield 2

def no_thread(self):
    raise RuntimeError("can't start new thread")

def no_answer(self, answer, headers):
    raise KeyError("a fault of ours")
"""


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_script(SCRIPT).start(processes=1)


def test_stream_without_thread_is_refused_and_frees_its_slot(server):
    for _ in range(MOST_STREAMS + 1):
        answer = server.score({"stream": True, "no_threads": True})
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert "can't start new thread" in answer.json()["message"]
    assert server.score({"stream": True}).text == "data: 1\n\ndata: 2\n\n"


def test_response_is_sent_uncompressed_when_no_thread_can_compress_it(server):
    answer = server.score({"long": True, "no_threads": True}, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    assert answer.json() == "long " * 10_000
    coded = server.score({"long": True}, headers={"accept-encoding": "gzip"})
    assert coded.headers["content-encoding"] == "gzip"
    assert coded.json() == answer.json()


@pytest.mark.parametrize("coding", ["identity", "gzip"], ids=["as it is", "compressed first"])
def test_internal_error_while_encoding_is_answered_with_500(server, coding):
    answer = server.score({"long": True, "no_answers": True}, headers={"accept-encoding": coding})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "a fault of ours" in server.log()
    server.until(lambda: server.score({"long": True}).status_code == 200)


def test_calls_are_refused_while_no_thread_starts_and_run_afterwards(monkeypatch):
    async def ask():
        admission = admission_of(runners=2)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", no_thread)
            with pytest.raises(ScoringError, match="thread") as refused:
                admission.submit(job(None))
        assert refused.value.status == 503
        assert admission.waiting == 0
        answered = asyncio.get_running_loop().create_future()
        admission.submit(job(lambda call: answered.set_result(call.result)))
        return await asyncio.wait_for(answered, 5)

    assert json.loads(asyncio.run(ask())) == "answered"


def job(deliver):
    request = SimpleNamespace(client=SimpleNamespace(half_closed=False, disconnected=False), arrived=0)
    return QueuedCall(SimpleNamespace(batcher=None, answer=lambda *_: b'"answered"'), request, deliver)


def no_thread(_):
    raise RuntimeError("can't start new thread")
