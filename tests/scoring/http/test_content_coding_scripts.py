"""Entry scripts get decoded bodies, and their responses are compressed unless they decide otherwise."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.scoring.codings import BODY, MOST, RAW_SCRIPT, SCRIPT, coded, raw_deflate, zipped
from tests.scoring.conftest import Replica, read_answers, request_bytes


@pytest.fixture(scope="module")
def scripted(tmp_path_factory):
    made = Replica(tmp_path_factory.mktemp("scripted"))
    yield made.with_script(SCRIPT).start(max_body_bytes=MOST)
    made.close()


def test_script_gets_decoded_body_and_matching_headers(scripted):
    body = json.dumps({"text": "grün", "more": "x" * 50_000}).encode()
    answer = coded(scripted, zipped(body), "gzip", **{"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    told = answer.json()
    assert told["asked"] == json.loads(body)
    assert told["headers"]["Content-Length"] == str(len(body))
    assert "Content-Encoding" not in told["headers"]


def test_raw_http_script_gets_decoded_body(replica):
    replica.with_script(RAW_SCRIPT).start()
    for coding, body in (("gzip", zipped(BODY)), ("deflate", raw_deflate(BODY)), ("identity", BODY)):
        told = coded(replica, body, coding, **{"Content-Type": "application/json"}).json()
        assert told["text"] == BODY.decode()
        assert told["json"] == json.loads(BODY)
        assert told["headers"]["content-length"] == str(len(BODY))
        assert told["headers"].get("content-encoding") == (None if coding != "identity" else coding)


@pytest.mark.parametrize("status", [200, 201, 422, 503])
def test_script_response_is_compressed(scripted, status):
    asked = {"headers": {"Content-Type": "text/plain", "x-own": "1"}, "status": status}
    answer = scripted.score(asked, headers={"Accept-Encoding": "gzip"})
    assert (answer.status_code, answer.text) == (status, "x" * 50_000)
    assert answer.headers["content-encoding"] == "gzip"
    assert (answer.headers["x-own"], answer.headers["content-type"]) == ("1", "text/plain")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"ETag": '"1"'}, 200),
        ({"Cache-Control": "private, no-transform"}, 200),
        ({"Content-Range": "bytes 0-49999/60000"}, 206),
        ({"Content-Encoding": "identity"}, 200),
    ],
)
def test_script_headers_about_encoding_prevent_compression(scripted, headers, status):
    answer = scripted.score({"headers": headers, "status": status}, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == status
    assert answer.text == "x" * 50_000
    assert answer.headers["content-length"] == "50000"
    assert "vary" not in answer.headers


COUNTING = """
import json, time

busy = 0
def init(): pass
def run(data):
    global busy
    busy += 1
    time.sleep(json.loads(data))
    busy -= 1
    return busy
"""


@pytest.mark.parametrize("prepare", [gzip.compress, lambda body: body + b" " * 300_000])
def test_quick_script_is_not_called_on_loop_and_thread_at_once(replica, prepare):
    replica.with_script(COUNTING).start()
    for _ in range(120):  # from here on it is quick enough for the loop
        assert replica.score(b"0").json() == 0
    special = prepare(b"0.3")
    coding = {"Content-Encoding": "gzip"} if len(special) < 1000 else {}
    others = [replica.connect() for _ in range(4)]
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(replica.score, special, headers=coding)
        while not slow.done():
            for other in others:
                other.sendall(request_bytes(b"0.001"))
            assert [read_answers(other)[0][2] for other in others] == [b"0"] * 4
        assert slow.result().json() == 0


def test_streams_and_errors_are_not_compressed(scripted):
    stream = scripted.score({"stream": True}, headers={"Accept-Encoding": "gzip"})
    assert stream.headers["content-type"] == "text/event-stream"
    assert "content-encoding" not in stream.headers
    assert stream.text.count("data: ") == 3
    failure = scripted.score({"raise": True}, headers={"Accept-Encoding": "gzip"})
    assert (failure.status_code, failure.json()["code"]) == (500, "script_failed")
    assert "content-encoding" not in failure.headers
