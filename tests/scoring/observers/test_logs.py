"""Every line of the log is whole, readable, and knows the request that it belongs to."""

import json
import re
import resource
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.scoring.conftest import double_model

TALKING = r"""
import json, logging, sys, threading, time

def init():
    print("init was here")

def run(data):
    asked = json.loads(data)
    print("said", asked.get("say"), end="")
    time.sleep(asked.get("wait", 0))
    print(" and done")
    logging.warning("logged %s", asked.get("say"))
    if "long" in asked:
        print("x" * asked["long"])
    if "raw" in asked:
        sys.stdout.buffer.write(b"bytes \xff\xfe here\n")
        print("half a pair \ud800")
    if asked.get("fail"):
        raise ValueError("on purpose")
    return "ok"
"""


def ask(replica, name, **more):
    return replica.score(json.dumps({"say": name, **more}), headers={"x-request-id": name})


def objects(replica):
    """The lines of the log, each of which must be an object."""
    return [json.loads(line) for line in replica.log().splitlines()]


def test_output_of_a_script_carries_its_request_id(replica):
    replica.with_script(TALKING).start()
    ask(replica, "one")
    lines = replica.log().splitlines()
    assert "init was here" in lines, "outside of requests a print stays as it is"
    assert "[one] said one and done" in lines
    assert "[one] WARNING:root:logged one" in lines


def test_output_carries_the_request_id_on_the_loop_and_in_threads(replica):
    replica.with_script("def init(): pass\ndef run(data):\n  print('run')").start()
    for number in range(150):  # from the hundredth quick run on, it runs on the loop
        replica.score("{}", headers={"x-request-id": f"id-{number}"})
    assert [line for line in replica.log().splitlines() if line.endswith("run")] == [
        f"[id-{number}] run" for number in range(150)
    ]
    replica.stop()
    assert "[id-" not in replica.log().splitlines()[-1], "what comes after a request is not the request's"


def test_generated_request_id_marks_output(replica):
    replica.with_script(TALKING).start()
    given = replica.score('{"say": "hello"}').headers["x-request-id"]
    assert f"[{given}] said hello and done" in replica.log()


def test_output_of_concurrent_requests_is_not_mixed(replica):
    replica.with_script(TALKING).start(processes=2)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ask(replica, f"id{number}", wait=0.02), range(24)))
    said = re.findall(r"^\[(id\d+)\] said (id\d+) and done$", replica.log(), re.M)
    assert len(said) == 24
    assert all(asked == printed for asked, printed in said)


def test_traceback_lines_carry_the_request_id(replica):
    replica.with_script(TALKING).start()
    assert ask(replica, "bad", fail=True).status_code == 500
    assert "[bad] ValueError: on purpose" in replica.log()


def test_invalid_utf8_output_is_escaped(replica):
    replica.with_script(TALKING).start()
    assert ask(replica, "raw", raw=True).status_code == 200
    assert r"[raw] bytes \xff\xfe here" in replica.log()
    assert r"[raw] half a pair \ud800" in replica.log()


def test_long_lines_are_truncated_with_a_note(replica):
    replica.with_script(TALKING).start()
    ask(replica, "long", long=5_000_000)
    (line,) = [line for line in replica.log().splitlines() if "xxx" in line]
    assert len(line) < 17_000
    assert line.endswith(f" ... ({5_000_000 - 16 * 1024} bytes more)")


def test_json_log_has_one_object_per_line(replica):
    replica.with_script(TALKING).start(log_format="json", access_log=True)
    ask(replica, "one", raw=True, long=100_000)
    ask(replica, "bad", fail=True)
    replica.score("nonsense", headers={"Authorization": "Bearer wrong"})
    replica.stop()
    lines = objects(replica)
    assert all({"time", "level", "pid", "source", "message"} <= set(line) for line in lines)
    by_message = {line["message"]: line for line in lines}
    printed = by_message["said one and done"]
    assert (printed["request_id"], printed["source"]) == ("one", "stdout")
    assert by_message["WARNING:root:logged one"]["source"] == "stderr"
    assert "request_id" not in by_message["init was here"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", printed["time"])
    assert [(line["message"], line["status"], line["source"]) for line in lines if "status" in line] == [
        ("POST /score", 200, "scoring"), ("POST /score", 500, "scoring"), ("POST /score", 401, "scoring"),
    ]  # fmt: skip


def test_access_log_is_off_by_default(replica):
    replica.with_models(double=double_model).start()
    before = replica.log()
    replica.score({"data": [[1, 2, 3, 4]]})
    assert replica.log() == before


def test_access_log_has_one_line_per_scoring_request(replica):
    replica.with_models(double=double_model).start(access_log=True)
    replica.score({"data": [[1, 2, 3, 4]]}, headers={"x-request-id": "good"})
    replica.score("nonsense", "/v2/models/double/infer?a=secret", headers={"x-request-id": "bad"})
    replica.client.get("/")
    lines = [line for line in replica.log().splitlines() if "status=" in line]
    assert len(lines) == 2
    assert re.search(r" I \[\d+\] scoring \[good\] - POST /score status=200 milliseconds=[\d.]+ received=24 ", lines[0])
    assert re.search(r"\[bad\] - POST /v2/models/double/infer status=400 ", lines[1])
    assert "secret" not in replica.log()


@pytest.mark.parametrize("style", ["text", "json"])
def test_request_id_cannot_forge_a_log_line(replica, style):
    replica.with_script(TALKING).start(log_format=style)
    for odd in ("a]b", 'quo"te', "ünlaut".encode("latin-1")):
        asked = replica.client.post("/score", content='{"say": "x"}', headers={b"x-request-id": odd})
        assert asked.status_code == 200
    assert len([line for line in replica.log().splitlines() if "said x and done" in line]) == 3
    if style == "json":
        assert [line["request_id"] for line in objects(replica) if line["message"] == "said x and done"] == [
            "a]b", 'quo"te', "ünlaut",
        ]  # fmt: skip


def test_unwritable_log_fails_no_request(replica):
    replica.with_script(TALKING).start()
    (worker,) = replica.workers()
    size = (replica.folder / "server.log").stat().st_size
    worker.rlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    assert ask(replica, "lost").status_code == 200
    worker.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert ask(replica, "found").status_code == 200
    assert "[lost]" not in replica.log()
    assert "[found] said found and done" in replica.log()
    assert "2 lines before this one could not be written to the log" in replica.log()
