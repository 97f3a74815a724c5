"""What arrives in one turn of the loop is answered together, and everybody gets what they would have got alone.

The server's process is stopped while requests are sent to it, so that it finds all of them when it looks again.
"""

import json
import re
import socket
from contextlib import ExitStack, contextmanager

import psutil
import pytest
from onnx import helper

from scoring.calibration import calibrate
from scoring.contract import Batching, BundledModel
from scoring.session import OnnxModel
from tests.scoring.conftest import (
    KEY,
    KINDS,
    SECOND_KEY,
    double_model,
    read_answers,
    request_bytes,
    save,
    sum_model,
)
from tests.scoring.test_batching import body as heavy_body
from tests.scoring.test_batching import heavy_model, mixing_model

INFER = "/v2/models/{}/infer"
DOUBLE = INFER.format("double")
MANY = 24
RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER: close at once


def texts_model(path):
    """Text as it came."""
    x, y = (helper.make_tensor_value_info(name, KINDS["BYTES"], ["n", 2]) for name in "xy")
    return save(path, [helper.make_node("Identity", ["x"], ["y"])], [x], [y])


@pytest.fixture(scope="module")
def server(shared_replica):
    models = {
        "double": double_model,
        "heavy": heavy_model,
        "mixing": mixing_model,
        "sum": sum_model,
        "texts": texts_model,
    }
    return shared_replica.with_models(**models).start(processes=1, cpus=1.0)


# --- asking at the same moment


@contextmanager
def stopped(replica):
    """Its process sees nothing of what happens in here until it is over."""
    workers = replica.workers()
    for worker in workers:
        worker.suspend()
    replica.until(lambda: all(worker.status() == psutil.STATUS_STOPPED for worker in workers))
    try:
        yield
    finally:
        for worker in workers:
            worker.resume()


@contextmanager
def lines_to(replica, count):
    """So many connections that the server has accepted."""
    with ExitStack() as stack:
        lines = [stack.enter_context(replica.connect()) for _ in range(count)]
        for line in lines:
            line.sendall(request_bytes(b"", "/v2/health/live", method="GET"))
        for line in lines:
            read_answers(line)
        yield lines


def at_once(replica, contents, answers=None):
    """The answers to these requests, each sent over a connection of its own; `answers` says how many where not one."""
    with lines_to(replica, len(contents)) as lines:
        with stopped(replica):
            for line, content in zip(lines, contents, strict=True):
                line.sendall(content)
        found = [read_answers(line, count) for line, count in zip(lines, answers or [1] * len(lines), strict=True)]
    return [each[0] for each in found] if answers is None else found


def tensor(name, shape, data, datatype="FP32"):
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def row(value):
    return [value, value + 0.25, -value, 0.0]


def infer(value, **more):
    return json.dumps({"inputs": [tensor("x", [1, 4], row(value))], **more}).encode()


def doubled(answer):
    status, _, content = answer
    assert status == 200, content
    [output] = json.loads(content)["outputs"]
    return output["data"]


def twice(value):
    return [2 * one for one in row(value)]


def statistics(replica, model):
    [told] = replica.client.get(f"/v2/models/{model}/stats").json()["model_stats"]
    return told


def runs(replica, model):
    """How many runs there were, by their rows."""
    return {one["batch_size"]: one["compute_infer"]["count"] for one in statistics(replica, model)["batch_stats"]}


def metrics(replica):
    lines = replica.client.get("/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


# --- each gets what is theirs


def test_many_at_once_share_a_run_and_each_gets_its_own_answer_and_ids(server):
    before, counted = runs(server, "double"), statistics(server, "double")["inference_count"]
    contents = [request_bytes(infer(n, id=f"body-{n}"), DOUBLE, f"X-Request-Id: head-{n}") for n in range(MANY)]

    answers = at_once(server, contents)

    assert [doubled(answer) for answer in answers] == [twice(n) for n in range(MANY)]
    assert [json.loads(content)["id"] for _, _, content in answers] == [f"body-{n}" for n in range(MANY)]
    for n, (_, headers, _) in enumerate(answers):
        assert headers["x-request-id"] == headers["x-ms-request-id"] == f"head-{n}"
        assert headers["content-type"] == "application/json"
    shared = {rows: count - before.get(rows, 0) for rows, count in runs(server, "double").items()}
    assert max(rows for rows, count in shared.items() if count) > 1, "nobody shared a run"
    assert statistics(server, "double")["inference_count"] == counted + MANY


def test_new_ids_are_given_to_those_who_bring_none(server):
    answers = at_once(server, [request_bytes(infer(n), DOUBLE) for n in range(MANY)])
    assert len({headers["x-request-id"] for _, headers, _ in answers}) == MANY


def test_requests_are_counted_under_the_key_that_each_of_them_showed(server):
    def asked(key):
        return metrics(server).get(f'slipway_requests_total{{code="200",key="{key}"}}', 0)

    before = asked("primary"), asked("secondary")
    keys = [KEY if n % 3 else SECOND_KEY for n in range(MANY)]
    answers = at_once(server, [request_bytes(infer(n), DOUBLE, key=key) for n, key in enumerate(keys)])

    assert [doubled(answer) for answer in answers] == [twice(n) for n in range(MANY)]
    assert (asked("primary") - before[0], asked("secondary") - before[1]) == (keys.count(KEY), keys.count(SECOND_KEY))


def test_unlike_sizes_names_and_addresses_in_one_turn_are_each_answered_in_their_own_way(server):
    two = json.dumps({"inputs": [tensor("x", [2, 4], row(1) + row(2))]}).encode()
    nested = json.dumps({"inputs": [tensor("x", [1, 4], [row(3)])], "outputs": [{"name": "y"}]}).encode()
    pair = json.dumps({"inputs": [tensor("a", [2], [5, 6]), tensor("b", [2], [1, 2])]}).encode()
    rows = json.dumps({"instances": [row(7)]}).encode()

    answers = at_once(
        server,
        [
            request_bytes(two, DOUBLE),
            request_bytes(nested, DOUBLE),
            request_bytes(infer(4), f"{DOUBLE}?asked=how"),
            request_bytes(infer(5), "/v2/models/double/versions/1/infer"),
            request_bytes(pair, INFER.format("sum")),
            request_bytes(rows, "/v1/models/double:predict"),
            request_bytes(b"", "/v2/models/double/probe", method="GET"),
            request_bytes(infer(6), DOUBLE, "Connection: close"),
        ],
    )

    assert [status for status, _, _ in answers] == [200] * 8
    assert [doubled(answers[place]) for place in (0, 1, 2, 3, 7)] == [
        twice(1) + twice(2), twice(3), twice(4), twice(5), twice(6),
    ]  # fmt: skip
    total, difference = json.loads(answers[4][2])["outputs"]
    assert (total["data"], difference["data"]) == ([6, 8], [4, 4])
    assert json.loads(answers[5][2]) == {"predictions": [twice(7)]}
    assert json.loads(answers[6][2])["predicted"] is True
    assert answers[7][1]["connection"] == "close"


def test_the_short_form_and_the_long_one_share_an_address_and_a_turn(replica):
    replica.with_models(double=double_model).start()
    short = [json.dumps({"data": [row(n)]}).encode() for n in range(4)]
    contents = [part for n in range(4) for part in (request_bytes(short[n]), request_bytes(infer(n)))]

    answers = at_once(replica, contents)

    assert [json.loads(content) for _, _, content in answers[::2]] == [{"data": [twice(n)]} for n in range(4)]
    assert [doubled(answer) for answer in answers[1::2]] == [twice(n) for n in range(4)]
    assert all(headers["x-ms-run-function-failed"] == "False" for _, headers, _ in answers)
    assert all(float(headers["x-ms-run-fn-exec-ms"]) > 0 for _, headers, _ in answers)


def test_outputs_wanted_in_binary_come_so_beside_others_in_json(server):
    wish = infer(1, parameters={"binary_data_output": True})
    contents = [request_bytes(wish if n % 2 else infer(n), DOUBLE) for n in range(6)]

    answers = at_once(server, contents)

    assert [doubled(answer) for answer in answers[::2]] == [twice(n) for n in (0, 2, 4)]
    for status, headers, content in answers[1::2]:
        assert status == 200
        head = json.loads(content[: int(headers["inference-header-content-length"])])
        assert head["outputs"][0]["parameters"] == {"binary_data_size": 16}


def test_a_large_body_goes_to_a_thread_and_small_ones_do_not_wait_for_it(server):
    rows = 20_000
    large = json.dumps({"inputs": [tensor("x", [rows, 4], row(1.5) * rows)]}).encode()
    assert len(large) > 256 * 1024

    answers = at_once(server, [request_bytes(large, DOUBLE), *(request_bytes(infer(n), DOUBLE) for n in range(4))])

    assert doubled(answers[0]) == twice(1.5) * rows
    assert [doubled(answer) for answer in answers[1:]] == [twice(n) for n in range(4)]


# --- what is wrong with one is nobody else's trouble

WRONG = {
    "wrong shape": (400, DOUBLE, json.dumps({"inputs": [tensor("x", [1, 5], [1] * 5)]}).encode()),
    "fewer values than its shape says": (400, DOUBLE, json.dumps({"inputs": [tensor("x", [2, 4], [1] * 5)]}).encode()),
    "wrong type": (400, DOUBLE, json.dumps({"inputs": [tensor("x", [1, 4], [1] * 4, "INT64")]}).encode()),
    "text for numbers": (400, DOUBLE, json.dumps({"inputs": [tensor("x", [1, 4], ["1"] * 4)]}).encode()),
    "no JSON": (400, DOUBLE, b'{"inputs": ['),
    "no body": (400, DOUBLE, b""),
    "nested too deeply": (400, DOUBLE, b"[" * 3000),
    "unknown output": (400, DOUBLE, infer(1, outputs=[{"name": "z"}])),
    "unknown input": (400, DOUBLE, json.dumps({"inputs": [tensor("z", [1, 4], [1] * 4)]}).encode()),
    "half an id": (400, DOUBLE, infer(1)[:-1] + rb',"id":"\ud800"}'),
    "unknown model": (404, INFER.format("nobody"), infer(1)),
    "several models": (400, "/score", infer(1)),
}


@pytest.mark.parametrize(("status", "path", "content"), WRONG.values(), ids=WRONG)
def test_a_request_that_cannot_be_used_fails_alone(server, status, path, content):
    contents = [request_bytes(infer(n), DOUBLE) for n in range(6)]
    contents.insert(0, request_bytes(content, path))
    contents.insert(4, request_bytes(content, path, "X-Request-Id: bad"))

    answers = at_once(server, contents)

    bad = [answers.pop(4), answers.pop(0)]
    assert [one[0] for one in bad] == [status, status]
    assert all("error" in json.loads(one[2]) or "message" in json.loads(one[2]) for one in bad)
    assert [doubled(answer) for answer in answers] == [twice(n) for n in range(6)]


def test_a_request_that_makes_the_model_fail_fails_alone(server):
    def pair(a, b):
        return json.dumps({"inputs": [tensor("a", [len(a)], a), tensor("b", [len(b)], b)]}).encode()

    pairs = [([n], [1]) for n in range(5)]
    pairs[2:2] = [([1, 2, 3], [1, 2]), ([1, 2], [1, 2, 3])]  # as many a as b when they stand side by side
    answers = at_once(server, [request_bytes(pair(*one), INFER.format("sum")) for one in pairs])

    bad = [answers.pop(2), answers.pop(2)]
    assert [status for status, _, _ in bad] == [400, 400]
    assert [json.loads(content)["outputs"][0]["data"] for _, _, content in answers] == [[n + 1] for n in range(5)]


def test_a_stranger_is_refused_alone(server):
    contents = [request_bytes(infer(n), DOUBLE, key="wrong" if n == 2 else KEY) for n in range(5)]
    answers = at_once(server, contents)
    assert [status for status, _, _ in answers] == [200, 200, 401, 200, 200]
    assert [doubled(answers[n]) for n in (0, 1, 3, 4)] == [twice(n) for n in (0, 1, 3, 4)]


def test_what_is_wrong_with_one_is_counted_once_and_so_is_everybody_else(server):
    before = statistics(server, "double")["inference_stats"]
    contents = [request_bytes(b"no JSON" if n == 3 else infer(n), DOUBLE) for n in range(MANY)]
    at_once(server, contents)
    after = statistics(server, "double")["inference_stats"]
    grown = {name: after[name]["count"] - before[name]["count"] for name in ("success", "fail", "queue")}
    assert grown == {"success": MANY - 1, "fail": 1, "queue": MANY}


# --- no rows


@pytest.mark.parametrize(("model", "empty", "shape"), [
    ("double", {"inputs": [tensor("x", [0, 4], [])]}, [0, 4]),
    ("sum", {"inputs": [tensor("a", [0], []), tensor("b", [0], [])]}, [0]),
    ("heavy", heavy_body(1.0, rows=0), [0]),
    ("texts", {"inputs": [tensor("x", [0, 2], [], "BYTES")]}, [0, 2]),
])  # fmt: skip
@pytest.mark.parametrize("count", [1, 2, 7])
def test_requests_without_rows_are_answered(server, model, empty, shape, count):
    contents = [request_bytes(json.dumps(empty).encode(), INFER.format(model))] * count
    for status, _, content in at_once(server, contents):
        assert status == 200, content
        assert all(one["shape"] == shape and one["data"] == [] for one in json.loads(content)["outputs"])


def test_a_lone_connection_without_rows_is_answered(replica):
    replica.with_models(sum=sum_model).start()
    answer = replica.score({"data": {"a": [], "b": []}})
    assert (answer.status_code, answer.json()) == (200, {"data": {"total": [], "difference": []}})


@pytest.mark.parametrize(("model", "some"), [
    ("double", lambda rows: {"inputs": [tensor("x", [rows, 4], row(1) * rows)]}),
    ("heavy", lambda rows: heavy_body(1.0, rows=rows)),
])  # fmt: skip
def test_requests_without_rows_are_answered_beside_others(server, model, some):
    sizes = [0, 1, 0, 2, 1, 0]
    contents = [request_bytes(json.dumps(some(size)).encode(), INFER.format(model)) for size in sizes]
    answers = at_once(server, contents)
    assert [json.loads(content)["outputs"][0]["shape"][0] for _, _, content in answers] == sizes


def test_empty_lists_in_the_short_form_are_answered_in_company(replica):
    replica.with_models(sum=sum_model).start()
    bodies = [{"a": [], "b": []}, {"a": [1], "b": [2]}, {"a": [], "b": []}, {"a": [], "b": [1]}]
    answers = at_once(replica, [request_bytes(json.dumps({"data": one}).encode()) for one in bodies])
    assert [status for status, _, _ in answers[:3]] == [200] * 3
    empty = {"data": {"total": [], "difference": []}}
    assert [json.loads(content) for _, _, content in answers[:3]] == [
        empty,
        {"data": {"total": [3], "difference": [-1]}},
        empty,
    ]
    alone = replica.score({"data": bodies[3]})
    assert (answers[3][0], json.loads(answers[3][2])) == (alone.status_code, alone.json())


# --- clients that come, go, and send ahead


@pytest.mark.parametrize("how", ["politely", "with a reset"])
def test_clients_that_leave_in_the_middle_harm_nobody(server, how):
    with lines_to(server, MANY) as lines:
        with stopped(server):
            for n, line in enumerate(lines):
                line.sendall(request_bytes(infer(n), DOUBLE))
            for line in lines[::3]:
                if how == "with a reset":
                    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                line.close()
        stay = [n for n in range(MANY) if n % 3]
        assert [doubled(read_answers(lines[n])[0]) for n in stay] == [twice(n) for n in stay]
        for n in stay:  # the connections live on
            lines[n].sendall(request_bytes(infer(n + 0.5), DOUBLE))
        assert [doubled(read_answers(lines[n])[0]) for n in stay] == [twice(n + 0.5) for n in stay]
    assert server.score(infer(1), path=DOUBLE).status_code == 200


def test_a_client_that_has_said_all_and_listens_is_answered(server):
    with lines_to(server, 6) as lines:
        with stopped(server):
            for n, line in enumerate(lines):
                line.sendall(request_bytes(infer(n), DOUBLE))
                line.shutdown(socket.SHUT_WR)
        assert [doubled(read_answers(line)[0]) for line in lines] == [twice(n) for n in range(6)]
        assert [line.recv(1) for line in lines] == [b""] * 6


@pytest.mark.parametrize("count", [1, 4])
def test_a_client_that_has_said_all_ahead_and_listens_is_answered_to_the_end(server, count):
    with lines_to(server, count) as lines:
        with stopped(server):
            for n, line in enumerate(lines):
                line.sendall(b"".join(request_bytes(infer(n + k / 8), DOUBLE) for k in range(5)))
                line.shutdown(socket.SHUT_WR)
        found = [[doubled(answer) for answer in read_answers(line, 5)] for line in lines]
    assert found == [[twice(n + k / 8) for k in range(5)] for n in range(count)]


def test_requests_sent_ahead_on_several_connections_are_answered_in_order(server):
    ahead = 40  # more than are held back before reading stops
    contents = [b"".join(request_bytes(infer(n + k / 64), DOUBLE) for k in range(ahead)) for n in range(5)]

    answers = at_once(server, contents, [ahead] * 5)

    assert [[doubled(one) for one in line] for line in answers] == [
        [twice(n + k / 64) for k in range(ahead)] for n in range(5)
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_more_sent_ahead_than_headers_may_have_bytes_is_no_large_header(server, count):
    """It is read in one piece, and the piece ends within the headers of the last request."""
    one, ahead = request_bytes(infer(1), DOUBLE), 500
    assert len(one) * ahead > 64 * 1024
    with lines_to(server, count) as lines:
        with stopped(server):
            for line in lines:
                line.sendall(one * ahead + one[:40])
        for line in lines:
            line.sendall(one[40:])
        for line in lines:
            assert [doubled(answer) for answer in read_answers(line, ahead + 1)] == [twice(1)] * (ahead + 1)


def test_slow_quick_and_broken_ones_sent_ahead_are_answered_in_order(server):
    heavy = request_bytes(json.dumps(heavy_body(3.0)).encode(), INFER.format("heavy"))
    broken = request_bytes(b"no JSON", DOUBLE)
    page = request_bytes(b"", "/v2/health/live", method="GET")
    content = heavy + request_bytes(infer(1), DOUBLE) + broken + page + request_bytes(infer(2), DOUBLE)

    answers = at_once(server, [content] * 4, [5] * 4)

    for line in answers:
        assert [status for status, _, _ in line] == [200, 200, 400, 200, 200]
        assert json.loads(line[0][2])["outputs"][0]["data"] == [pytest.approx(3.0, rel=1e-4)]
        assert (doubled(line[1]), doubled(line[4])) == (twice(1), twice(2))


def test_a_connection_is_asked_again_and_again_while_others_are(server):
    with lines_to(server, 3) as lines:
        for turn in range(30):
            for n, line in enumerate(lines):
                line.sendall(request_bytes(infer(10 * turn + n), DOUBLE))
            assert [doubled(read_answers(line)[0]) for line in lines] == [twice(10 * turn + n) for n in range(3)]


def test_bodies_over_a_small_limit_are_refused_whatever_length_they_tell(replica):
    limit = len(infer(1, id="full"))
    replica.with_models(double=double_model).start(max_body_bytes=limit)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (limit + 1, b" " * (limit + 1))
    contents = [
        request_bytes(infer(1, id="full"), DOUBLE),
        request_bytes(infer(1) + b" " * limit, DOUBLE),  # a length of three digits, looked at when the body has come
        request_bytes(b"", DOUBLE, "Content-Length: 10000"),  # and of five: nothing of it is awaited
        request_bytes(chunked, DOUBLE, "Transfer-Encoding: chunked"),
        request_bytes(infer(2), DOUBLE),
    ]

    answers = at_once(replica, contents)

    assert [status for status, _, _ in answers] == [200, 413, 413, 413, 200]
    assert [headers.get("connection") for _, headers, _ in answers] == [None, "close", "close", "close", None]
    assert (doubled(answers[0]), doubled(answers[4])) == (twice(1), twice(2))


@pytest.mark.parametrize(("size", "status"), [(60_000, 200), (70_000, 431)])
@pytest.mark.parametrize("cut", [50, 30_000, 59_000])
def test_headers_are_limited_wherever_they_are_cut(server, size, status, cut):
    content = request_bytes(infer(1), DOUBLE, f"X-Long: {'a' * size}")
    with server.connect() as line:
        for part in (content[:cut], content[cut:]):
            with stopped(server):
                line.sendall(part)
            server.client.get("/v2/health/live")  # by then it has been read
        assert read_answers(line)[0][0] == status


# --- who shares


def test_sharing_can_be_turned_off(replica):
    replica.with_models(double=double_model).start(batching={"rows": 1})
    answers = at_once(replica, [request_bytes(infer(n), DOUBLE) for n in range(MANY)])
    assert [doubled(answer) for answer in answers] == [twice(n) for n in range(MANY)]
    assert runs(replica, "double") == {1: MANY}


def test_no_shared_run_has_more_rows_than_were_chosen(replica):
    replica.with_models(double=double_model).start(batching={"rows": 5})
    answers = at_once(replica, [request_bytes(infer(n), DOUBLE) for n in range(MANY)])
    assert [doubled(answer) for answer in answers] == [twice(n) for n in range(MANY)]
    shared = runs(replica, "double")
    assert max(shared) == 5
    assert sum(rows * count for rows, count in shared.items()) == MANY


def test_a_quick_model_that_mixes_its_rows_is_asked_one_by_one(server):
    path = INFER.format("mixing")
    answers = at_once(server, [request_bytes(infer(n), path) for n in range(MANY)])
    assert [doubled(answer) for answer in answers] == [[one + sum(row(n)) for one in row(n)] for n in range(MANY)]
    assert set(runs(server, "mixing")) == {1}


def test_text_is_compared_at_the_start_and_answered_in_company(server, tmp_path):
    model = OnnxModel(BundledModel(name="texts", version=1, path=""), texts_model(tmp_path / "model.onnx"), 1)
    calibrate(model, Batching())  # without an error
    assert calibrate(model, Batching(rows=8)) is not None
    asked = [[f"{n} ü", '],["'] for n in range(MANY)]
    contents = [json.dumps({"inputs": [tensor("x", [1, 2], one, "BYTES")]}).encode() for one in asked]
    answers = at_once(server, [request_bytes(content, INFER.format("texts")) for content in contents])
    assert [doubled(answer) for answer in answers] == asked


# --- entry scripts

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
def test_scripts_that_raise_and_stream_share_a_turn_with_others(replica, options):
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


def scripts_counted(replica):
    found = (re.fullmatch(r'slipway_requests_total{code="(.*)",key="primary"}', name) for name in metrics(replica))
    return {one[1]: metrics(replica)[one[0]] for one in found if one}


def test_scripts_that_are_not_known_to_be_quick_are_each_answered(replica):
    replica.with_script(SCRIPT).start(processes=1)
    check_script_answers(ask_script(replica, HOWS * 2), HOWS * 2)


def test_asynchronous_scripts_asked_at_the_same_moment_are_each_answered(replica):
    replica.with_script(WAITING).start(processes=1)
    hows = ["plain", "raise", "stream", "plain"] * 5
    check_script_answers(ask_script(replica, hows), hows)


# --- looking at single requests


def test_every_request_of_a_turn_is_logged_and_collected_once(replica):
    replica.with_models(double=double_model).start(access_log=True, collect={})
    contents = [
        request_bytes(b"no JSON" if n == 5 else infer(n, id=f"own-{n}"), DOUBLE, f"X-Request-Id: id-{n}")
        for n in range(MANY)
    ]

    answers = at_once(replica, contents)

    good = [n for n in range(MANY) if n != 5]
    assert [doubled(answers[n]) for n in good] == [twice(n) for n in good]
    assert answers[5][0] == 400
    assert max(runs(replica, "double")) > 1
    replica.stop()
    logged = re.findall(rf"\[(id-\d+)\] - POST {DOUBLE} status=(\d+)", replica.log())
    assert sorted(logged) == sorted((f"id-{n}", "400" if n == 5 else "200") for n in range(MANY))
    files = (replica.folder / "collected").glob("*.jsonl")
    rows = {row["id"]: row for file in files for row in map(json.loads, file.read_text().splitlines())}
    assert sorted(rows) == sorted(f"id-{n}" for n in good)
    for n in good:
        assert rows[f"id-{n}"]["inputs"]["id"] == rows[f"id-{n}"]["predictions"]["id"] == f"own-{n}"
        assert rows[f"id-{n}"]["predictions"]["outputs"][0]["data"] == twice(n)


def test_what_a_turn_leaves_behind_is_whole_when_the_server_stops(replica):
    replica.with_models(double=double_model).start()
    with lines_to(replica, 8) as lines:
        for n, line in enumerate(lines):
            line.sendall(request_bytes(infer(n), DOUBLE))
        assert [doubled(read_answers(line)[0]) for line in lines] == [twice(n) for n in range(8)]
        assert replica.stop() == 0
        assert [line.recv(1) for line in lines] == [b""] * 8
