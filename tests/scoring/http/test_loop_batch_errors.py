"""Bad, empty, abandoned and pipelined requests do not affect the others of their loop iteration."""

import json
import socket

import pytest

from tests.scoring.batches import body as heavy_body
from tests.scoring.conftest import KEY, double_model, read_answers, request_bytes, sum_model
from tests.scoring.http.simultaneous import (
    DOUBLE,
    INFER,
    MANY,
    RESET,
    at_once,
    doubled,
    infer,
    lines_to,
    row,
    statistics,
    stopped,
    tensor,
    twice,
    with_all_models,
)


@pytest.fixture(scope="module")
def server(shared_replica):
    return with_all_models(shared_replica).start(processes=1, cpus=1.0)


# --- errors concern their own request only

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
def test_bad_request_does_not_fail_its_batch(server, status, path, content):
    contents = [request_bytes(infer(n), DOUBLE) for n in range(6)]
    contents.insert(0, request_bytes(content, path))
    contents.insert(4, request_bytes(content, path, "X-Request-Id: bad"))

    answers = at_once(server, contents)

    bad = [answers.pop(4), answers.pop(0)]
    assert [one[0] for one in bad] == [status, status]
    assert all("error" in json.loads(one[2]) or "message" in json.loads(one[2]) for one in bad)
    assert [doubled(answer) for answer in answers] == [twice(n) for n in range(6)]


def test_poisoned_request_does_not_fail_its_batch(server):
    def pair(a, b):
        return json.dumps({"inputs": [tensor("a", [len(a)], a), tensor("b", [len(b)], b)]}).encode()

    pairs = [([n], [1]) for n in range(5)]
    pairs[2:2] = [([1, 2, 3], [1, 2]), ([1, 2], [1, 2, 3])]  # as many a as b when joined
    answers = at_once(server, [request_bytes(pair(*one), INFER.format("sum")) for one in pairs])

    bad = [answers.pop(2), answers.pop(2)]
    assert [status for status, _, _ in bad] == [400, 400]
    assert [json.loads(content)["outputs"][0]["data"] for _, _, content in answers] == [[n + 1] for n in range(5)]


def test_unauthenticated_request_does_not_fail_its_batch(server):
    contents = [request_bytes(infer(n), DOUBLE, key="wrong" if n == 2 else KEY) for n in range(5)]
    answers = at_once(server, contents)
    assert [status for status, _, _ in answers] == [200, 200, 401, 200, 200]
    assert [doubled(answers[n]) for n in (0, 1, 3, 4)] == [twice(n) for n in (0, 1, 3, 4)]


def test_every_request_of_a_batch_is_counted_once(server):
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


def test_request_without_rows_on_a_single_connection_is_answered(replica):
    replica.with_models(sum=sum_model).start()
    answer = replica.score({"data": {"a": [], "b": []}})
    assert (answer.status_code, answer.json()) == (200, {"data": {"total": [], "difference": []}})


@pytest.mark.parametrize(("model", "some"), [
    ("double", lambda rows: {"inputs": [tensor("x", [rows, 4], row(1) * rows)]}),
    ("heavy", lambda rows: heavy_body(1.0, rows=rows)),
])  # fmt: skip
def test_requests_without_rows_are_answered_in_a_batch(server, model, some):
    sizes = [0, 1, 0, 2, 1, 0]
    contents = [request_bytes(json.dumps(some(size)).encode(), INFER.format(model)) for size in sizes]
    answers = at_once(server, contents)
    assert [json.loads(content)["outputs"][0]["shape"][0] for _, _, content in answers] == sizes


def test_empty_short_form_is_answered_in_a_batch(replica):
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


# --- disconnects and pipelining


@pytest.mark.parametrize("how", ["with a FIN", "with a reset"])
def test_disconnects_do_not_affect_the_batch(server, how):
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
        for n in stay:  # these connections stay open
            lines[n].sendall(request_bytes(infer(n + 0.5), DOUBLE))
        assert [doubled(read_answers(lines[n])[0]) for n in stay] == [twice(n + 0.5) for n in stay]
    assert server.score(infer(1), path=DOUBLE).status_code == 200


def test_half_closed_client_in_a_batch_is_answered(server):
    with lines_to(server, 6) as lines:
        with stopped(server):
            for n, line in enumerate(lines):
                line.sendall(request_bytes(infer(n), DOUBLE))
                line.shutdown(socket.SHUT_WR)
        assert [doubled(read_answers(line)[0]) for line in lines] == [twice(n) for n in range(6)]
        assert [line.recv(1) for line in lines] == [b""] * 6


@pytest.mark.parametrize("count", [1, 4])
def test_half_closed_pipelining_client_gets_all_responses(server, count):
    with lines_to(server, count) as lines:
        with stopped(server):
            for n, line in enumerate(lines):
                line.sendall(b"".join(request_bytes(infer(n + k / 8), DOUBLE) for k in range(5)))
                line.shutdown(socket.SHUT_WR)
        found = [[doubled(answer) for answer in read_answers(line, 5)] for line in lines]
    assert found == [[twice(n + k / 8) for k in range(5)] for n in range(count)]


def test_pipelining_connections_are_answered_in_order(server):
    ahead = 40  # more than are held back before reading stops
    contents = [b"".join(request_bytes(infer(n + k / 64), DOUBLE) for k in range(ahead)) for n in range(5)]

    answers = at_once(server, contents, [ahead] * 5)

    assert [[doubled(one) for one in line] for line in answers] == [
        [twice(n + k / 64) for k in range(ahead)] for n in range(5)
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_pipelined_requests_do_not_count_as_one_large_header(server, count):
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


def test_pipelined_slow_quick_and_bad_requests_are_answered_in_order(server):
    heavy = request_bytes(json.dumps(heavy_body(3.0)).encode(), INFER.format("heavy"))
    broken = request_bytes(b"no JSON", DOUBLE)
    page = request_bytes(b"", "/v2/health/live", method="GET")
    content = heavy + request_bytes(infer(1), DOUBLE) + broken + page + request_bytes(infer(2), DOUBLE)

    answers = at_once(server, [content] * 4, [5] * 4)

    for line in answers:
        assert [status for status, _, _ in line] == [200, 200, 400, 200, 200]
        assert json.loads(line[0][2])["outputs"][0]["data"] == [pytest.approx(3.0, rel=1e-4)]
        assert (doubled(line[1]), doubled(line[4])) == (twice(1), twice(2))


def test_connections_may_send_continuously(server):
    with lines_to(server, 3) as lines:
        for number in range(30):
            for n, line in enumerate(lines):
                line.sendall(request_bytes(infer(10 * number + n), DOUBLE))
            assert [doubled(read_answers(line)[0]) for line in lines] == [twice(10 * number + n) for n in range(3)]


def test_small_body_limit_applies_to_every_framing(replica):
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
def test_header_limit_applies_however_headers_are_split(server, size, status, cut):
    content = request_bytes(infer(1), DOUBLE, f"X-Long: {'a' * size}")
    with server.connect() as line:
        for part in (content[:cut], content[cut:]):
            with stopped(server):
                line.sendall(part)
            server.client.get("/v2/health/live")  # by then it has been read
        assert read_answers(line)[0][0] == status
